curl -H "Authorization: Bearer $TFORMANCE_KEY" \
  "$TFORMANCE_URL/api/v1/integrations/jira/proxy/rest/api/3/project/search"
