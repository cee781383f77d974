# pip install jira
import os

from jira import JIRA

jira = JIRA(
    os.environ["TFORMANCE_URL"] + "/api/v1/integrations/jira/proxy",
    token_auth=os.environ["TFORMANCE_KEY"],
    # It follows links with the key: they shall lead to Tformance.
    options={"headers": {"Tformance-Links": "proxy"}},
)
for project in jira.projects():
    print(project.key, project.name)
