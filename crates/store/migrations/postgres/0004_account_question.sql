-- The site that was chosen before a person is asked whether the connection changes its Atlassian account.

ALTER TABLE connect_attempts ADD COLUMN chosen_cloud_id TEXT COLLATE "C";
