// npm install jira.js
import { Version3Client } from 'jira.js';

const jira = new Version3Client({
  host: `${process.env.TFORMANCE_URL}/api/v1/integrations/jira/proxy`,
  authentication: { oauth2: { accessToken: process.env.TFORMANCE_KEY } },
});
const projects = await jira.projects.searchProjects();
for (const { key, name } of projects.values) console.log(key, name);
