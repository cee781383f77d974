"""Writes an incident and its notices into a database of SQLite, as the server does when a grant has ended.

    write_notice.py DATABASE
"""

import json
import sqlite3
import sys
import time
import uuid

database = sqlite3.connect(sys.argv[1], timeout=10)
now = int(time.time() * 1000)
moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now / 1000))
(team, slug, name) = database.execute("SELECT id, slug, name FROM teams").fetchone()
(user,) = database.execute("SELECT id FROM users").fetchone()
incident, credential = uuid.uuid4(), uuid.uuid4()
database.execute(
    "INSERT INTO incidents (id, team_id, credential_id, provider, kind, reason, opened_at, reminders,"
    " created_at, updated_at) VALUES (?, ?, ?, 'jira', 'reconnect_needed', 'grant_revoked', ?, 0, ?, ?)",
    (incident.bytes, team, credential.bytes, now, now, now),
)
for channel, recipient, person, occasion in [
    ("mail", "admin", user, "opened"),
    ("webhook", "receiver", None, "state_changed"),
]:
    payload = {
        "version": "1",
        "event": "connection.state_changed",
        "occasion": occasion,
        "provider": "jira",
        "at": moment,
        "since": moment,
        "reason": "grant_revoked",
        "incident": {"id": str(incident), "kind": "reconnect_needed", "opened_at": moment, "reminder": 0},
        "connection": {
            "id": str(credential),
            "team": {"id": str(uuid.UUID(bytes=team)), "slug": slug, "name": name},
            "site": {"cloud_id": "cloud-1", "name": "Acme", "url": "https://acme.atlassian.net"},
            "state": "reconnect_needed",
            "previous_state": "connected",
            "works_until": None,
            "consent_ends_at": None,
            "missing_scopes": [],
            "services": ["Reports"],
            "path": f"/a/{slug}/integrations/jira/",
        },
    }
    entry = uuid.uuid4()
    database.execute(
        "INSERT INTO outbox (id, team_id, incident_id, channel, recipient, user_id, occasion, same_as, payload,"
        " due_at, attempts, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
        (entry.bytes, team, incident.bytes, channel, recipient, person, occasion, str(entry),
         json.dumps(payload), now, now, now),
    )
    print(channel, entry.hex)
database.commit()
