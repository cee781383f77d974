# pip install atlassian-python-api
import os

import requests
from atlassian import Jira

session = requests.Session()
# It follows links with the key: they shall lead to Tformance.
session.headers["Tformance-Links"] = "proxy"
jira = Jira(
    os.environ["TFORMANCE_URL"] + "/api/v1/integrations/jira/proxy",
    token=os.environ["TFORMANCE_KEY"],
    session=session,
    cloud=True,
)
for project in jira.projects():
    print(project["key"], project["name"])
