//! The addresses of Jira's that are counted by name, as its descriptions list them. Where one is missing, its
//! calls are counted under the nearest that is there.

/// Bases, and what is below each of them.
pub(super) const ALL: &[(&[&str], &str)] = &[
    (&["rest/api/2", "rest/api/3", "rest/api/latest"], PLATFORM),
    (&["rest/agile/1.0", "rest/agile/latest"], SOFTWARE),
    (&["rest/servicedeskapi"], SERVICE_MANAGEMENT),
    (
        &[
            "rest/webhooks/1.0",
            "rest/dev-status/1.0",
            "rest/devinfo/0.10",
        ],
        "",
    ),
];

const PLATFORM: &str = "
announcementBanner app/field/{}/context/configuration application-properties/advanced-settings
application-properties/{} applicationrole/{}
attachment/content/{} attachment/meta attachment/thumbnail/{} attachment/{}/expand/human attachment/{}/expand/raw
auditing/record avatar/{}/system
bulk/issues/delete bulk/issues/fields bulk/issues/move bulk/issues/transition bulk/issues/unwatch bulk/issues/watch
bulk/queue/{} changelog/bulkfetch classification-levels comment/list comment/{}/properties/{}
component/{}/relatedIssueCounts configuration/timetracking/list configuration/timetracking/options
customFieldOption/{}
dashboard/bulk/edit dashboard/gadgets dashboard/search dashboard/{}/copy dashboard/{}/gadget/{}
dashboard/{}/items/{}/properties/{}
events expression/analyse expression/eval expression/evaluate
field/search/trashed field/{}/context/defaultValue field/{}/context/issuetypemapping field/{}/context/mapping
field/{}/context/projectmapping field/{}/context/{}/issuetype/remove field/{}/context/{}/option/move
field/{}/context/{}/option/{}/issue field/{}/context/{}/project/remove field/{}/contexts
field/{}/option/suggestions/edit field/{}/option/suggestions/search field/{}/option/{}/issue field/{}/restore
field/{}/screens field/{}/trash
fieldconfiguration/{}/fields fieldconfigurationscheme/mapping fieldconfigurationscheme/project
fieldconfigurationscheme/{}/mapping/delete
filter/defaultShareScope filter/favourite filter/my filter/search filter/{}/columns filter/{}/favourite
filter/{}/owner filter/{}/permission/{}
group/bulk group/member group/user groups/picker groupuserpicker instance/license
issue/archive issue/bulk issue/bulkfetch issue/createmeta/{}/issuetypes/{} issue/limit/report issue/picker
issue/properties/multi issue/properties/{} issue/unarchive issue/watching issue/{}/assignee issue/{}/attachments
issue/{}/changelog/list issue/{}/comment/{} issue/{}/editmeta issue/{}/notify issue/{}/properties/{}
issue/{}/remotelink/{} issue/{}/transitions issue/{}/votes issue/{}/watchers issue/{}/worklog/move
issue/{}/worklog/{}/properties/{} issues/archive/export issueLink/{} issueLinkType/{}
issuesecurityschemes/level/default issuesecurityschemes/level/member issuesecurityschemes/project
issuesecurityschemes/search issuesecurityschemes/{}/level/{}/member/{} issuesecurityschemes/{}/members
issuetype/project issuetype/{}/alternatives issuetype/{}/avatar2 issuetype/{}/properties/{}
issuetypescheme/mapping issuetypescheme/project issuetypescheme/{}/issuetype/move issuetypescheme/{}/issuetype/{}
issuetypescreenscheme/mapping issuetypescreenscheme/project issuetypescreenscheme/{}/mapping/default
issuetypescreenscheme/{}/mapping/remove issuetypescreenscheme/{}/project
jql/autocompletedata/suggestions jql/function/computation/search jql/match jql/parse jql/pdcleaner jql/sanitize
label license/approximateLicenseCount/product/{} mypermissions mypreferences/locale myself
notificationscheme/project notificationscheme/{}/notification/{} permissions/check permissions/project
permissionscheme/{}/permission/{} plans/plan/{}/archive plans/plan/{}/duplicate plans/plan/{}/team/atlassian/{}
plans/plan/{}/team/planonly/{} plans/plan/{}/trash
priority/default priority/move priority/search priority/{} priorityscheme/mappings priorityscheme/priorities/available
priorityscheme/{}/priorities priorityscheme/{}/projects
project/recent project/search project/type/accessible project/type/{}/accessible project/{}/archive
project/{}/avatar/{} project/{}/avatar2 project/{}/avatars project/{}/classification-level/default
project/{}/component project/{}/components project/{}/delete project/{}/email project/{}/features/{}
project/{}/hierarchy project/{}/issuesecuritylevelscheme project/{}/notificationscheme project/{}/permissionscheme/{}
project/{}/properties/{} project/{}/restore project/{}/role/{} project/{}/roledetails project/{}/securitylevel
project/{}/statuses project/{}/type/{} project/{}/version project/{}/versions projectCategory/{}
projectvalidate/key projectvalidate/validProjectKey projectvalidate/validProjectName
redact/status/{} resolution/default resolution/move resolution/search resolution/{} role/{}/actors
screens/addToDefault/{} screens/tabs screens/{}/availableFields screens/{}/tabs/{}/fields/{}/move
screens/{}/tabs/{}/move/{} screenscheme/{} search/approximate-count search/id search/jql securitylevel/{} serverInfo
settings/columns status/{} statuscategory/{} statuses/search statuses/{}/project/{}/issueTypeUsages
statuses/{}/projectUsages statuses/{}/workflowUsages task/{}/cancel uiModifications/{}
universal_avatar/type/{}/owner/{}/avatar/{} universal_avatar/view/type/{}/avatar/{}
universal_avatar/view/type/{}/owner/{}
user/assignable/multiProjectSearch user/assignable/search user/bulk/migration user/columns user/email/bulk
user/groups user/nav4-opt-property/{} user/permission/search user/picker user/properties/{} user/search/query/key
user/viewissue/search users/search
version/{}/mergeto/{} version/{}/move version/{}/relatedIssueCounts version/{}/relatedwork version/{}/removeAndSwap
version/{}/unresolvedIssueCount webhook/failed webhook/refresh
workflow/rule/config/delete workflow/search workflow/transitions/{}/properties workflow/{}/projectUsages
workflow/{}/workflowSchemes workflows/capabilities workflows/create/validation workflows/preview workflows/search
workflows/update/validation
workflowscheme/project workflowscheme/read workflowscheme/update/mappings workflowscheme/{}/createdraft
workflowscheme/{}/default workflowscheme/{}/draft/default workflowscheme/{}/draft/issuetype/{}
workflowscheme/{}/draft/publish workflowscheme/{}/draft/workflow workflowscheme/{}/issuetype/{}
workflowscheme/{}/workflow worklog/deleted worklog/list worklog/updated
";

const SOFTWARE: &str = "
backlog/{}/issue board/filter/{} board/{}/backlog board/{}/configuration board/{}/epic/none/issue
board/{}/epic/{}/issue board/{}/features board/{}/issue board/{}/project/full board/{}/properties/{}
board/{}/quickfilter/{} board/{}/reports board/{}/sprint/{}/issue board/{}/version epic/none/issue epic/{}/issue
epic/{}/rank issue/rank issue/{}/estimation sprint/{}/issue sprint/{}/properties/{} sprint/{}/swap
";

const SERVICE_MANAGEMENT: &str = "
customer info knowledgebase/article organization/{}/property/{} organization/{}/user request/{}/approval/{}
request/{}/attachment/{} request/{}/comment/{}/attachment request/{}/feedback request/{}/notification
request/{}/participant request/{}/sla/{} request/{}/status request/{}/transition requesttype
servicedesk/{}/customer servicedesk/{}/knowledgebase/article servicedesk/{}/organization
servicedesk/{}/queue/{}/issue servicedesk/{}/request servicedesk/{}/requesttype/{}/field
servicedesk/{}/requesttype/{}/property/{} servicedesk/{}/requesttypegroup
";
