//! The two folders of migrations must lead to the same schema, and a released step never changes.
//!
//! A schema is compared as a set of sentences, one for each thing that it promises, so that a
//! difference reads as what it is.

use std::{collections::BTreeSet, fs, path::PathBuf};

use sha2::{Digest as _, Sha256};
use sqlx::{PgPool, SqlitePool};
use store::Store;
use testkit::db::TestDb;

/// A kind of values that both databases know.
fn kind(column: &str, sql_type: &str) -> &'static str {
    match sql_type {
        "BLOB" | "BYTEA" | "UUID" => "bytes",
        "INTEGER" | "BIGINT" | "BOOLEAN" => "number",
        "TEXT" => "text",
        other => panic!("{column} is of a type that only one of the databases knows: {other}"),
    }
}

/// An expression as both databases write it: PostgreSQL keeps `IN (…)` as `= ANY (ARRAY[…])`, and a
/// list of one as `=`; it adds parentheses and casts.
fn plain(expression: &str) -> String {
    let text = expression
        .replace("::text", "")
        .replace("= ANY (ARRAY[", "IN (")
        .replace(['(', ')', ']'], " ");
    let words: Vec<_> = text.split_whitespace().collect();
    let text = words.join(" ").replace(" ,", ",");
    match text.split_once(" IN ") {
        Some((column, list)) if !list.contains(',') => format!("{column} = {list}"),
        _ => text,
    }
}

/// What stands in the parentheses after each `CHECK` of a table's text: `SQLite` lists it nowhere else.
fn checks_of(create_table: &str) -> Vec<String> {
    let without_comments: Vec<_> = create_table
        .lines()
        .map(|it| it.split("--").next().unwrap_or_default())
        .collect();
    let text = without_comments.join("\n");
    let end_of = |rest: &str| {
        let mut depth = 0_u32;
        for (index, it) in rest.char_indices() {
            match it {
                '(' => depth += 1,
                ')' if depth == 1 => return index,
                ')' => depth -= 1,
                _ => {}
            }
        }
        panic!("a CHECK without end: {rest}")
    };
    text.split("CHECK ")
        .skip(1)
        .map(|rest| plain(&rest[..end_of(rest)]))
        .collect()
}

fn table_of(column: &str) -> &str {
    column.split('.').next().unwrap_or_default()
}

/// A column as both databases tell of it.
type Column = (String, String, bool, bool);
/// An index: table, name where it has one of ours, whether unique, its columns, its condition.
type Index = (String, Option<String>, bool, String, Option<String>);

fn sentences(
    columns: Vec<Column>,
    indexes: Vec<Index>,
    others: Vec<(String,)>,
) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (column, sql_type, is_required, has_default) in columns {
        let kind = kind(&column, &sql_type);
        let required = if is_required {
            "required"
        } else {
            "may be null"
        };
        let default = if has_default { ", has a default" } else { "" };
        all.insert(format!("column {column}: {kind}, {required}{default}"));
        all.insert(format!("table {}", table_of(&column)));
    }
    for (table, name, is_unique, columns, condition) in indexes {
        let unique = if is_unique { "unique " } else { "" };
        let name = name.unwrap_or_else(|| "rule".to_owned());
        let condition = condition.map_or_else(String::new, |it| format!(" where {}", plain(&it)));
        all.insert(format!("{unique}{name} on {table} ({columns}){condition}"));
    }
    all.extend(others.into_iter().map(|(it,)| it));
    all
}

async fn of_sqlite(pool: &SqlitePool) -> BTreeSet<String> {
    const COLUMNS: &str = r#"
        SELECT t.name || '.' || c.name, upper(c.type), c."notnull", c.dflt_value IS NOT NULL
          FROM pragma_table_list t, pragma_table_info(t.name) c
         WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND t.name NOT LIKE '\_%' ESCAPE '\'"#;
    const INDEXES: &str = r#"
        SELECT t.name, CASE i.origin WHEN 'c' THEN i.name END, i."unique",
               (SELECT group_concat(x.name || CASE x."desc" WHEN 1 THEN ' DESC' ELSE '' END, ', ' ORDER BY x.seqno)
                  FROM pragma_index_xinfo(i.name) x WHERE x.key = 1),
               CASE i.partial WHEN 1 THEN substr(s.sql, instr(s.sql, ' WHERE ') + 7) END
          FROM sqlite_schema t, pragma_index_list(t.name) i
          LEFT JOIN sqlite_schema s ON s.type = 'index' AND s.name = i.name
         WHERE t.type = 'table' AND t.name NOT LIKE '\_%' ESCAPE '\' AND i.origin <> 'pk'"#;
    const PRIMARY_KEYS: &str = r"
        SELECT 'primary key of ' || t.name || ' (' || group_concat(c.name, ', ' ORDER BY c.pk) || ')'
          FROM sqlite_schema t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE '\_%' ESCAPE '\' AND c.pk > 0
         GROUP BY t.name";
    const FOREIGN_KEYS: &str = r#"
        SELECT t.name || ' (' || group_concat(f."from", ', ' ORDER BY f.seq) || ') refers to '
               || f."table" || ' (' || group_concat(f."to", ', ' ORDER BY f.seq) || '), on delete '
               || lower(f.on_delete) || ', on update ' || lower(f.on_update)
          FROM sqlite_schema t, pragma_foreign_key_list(t.name) f
         WHERE t.type = 'table'
         GROUP BY t.name, f.id"#;
    const TABLES: &str = r"
        SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\_%' ESCAPE '\'";
    // `REPLACE` is of SQLite alone.
    const TRIGGERS: &str = r"
        SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger' AND name NOT LIKE '%\_refuse\_replace' ESCAPE '\'";
    let columns = sqlx::query_as(COLUMNS).fetch_all(pool).await.unwrap();
    let indexes = sqlx::query_as(INDEXES).fetch_all(pool).await.unwrap();
    let mut others: Vec<(String,)> = sqlx::query_as(PRIMARY_KEYS).fetch_all(pool).await.unwrap();
    let triggers: Vec<(String, String, String)> =
        sqlx::query_as(TRIGGERS).fetch_all(pool).await.unwrap();
    for (name, table, sql) in triggers {
        let text = sql.split(" ON ").next().unwrap_or_default();
        let when: Vec<_> = text.split_whitespace().skip(3).collect();
        let when = when.join(" ").to_lowercase();
        let condition = if sql.contains("\nWHEN ") {
            " for some rows"
        } else {
            ""
        };
        others.push((format!("trigger {name} on {table}: {when}{condition}"),));
    }
    others.extend(
        sqlx::query_as::<_, (String,)>(FOREIGN_KEYS)
            .fetch_all(pool)
            .await
            .unwrap(),
    );
    let tables: Vec<(String, String)> = sqlx::query_as(TABLES).fetch_all(pool).await.unwrap();
    for (table, sql) in tables {
        let checks = checks_of(&sql).into_iter();
        // A flag: PostgreSQL has a type for it.
        let checks = checks.filter(|it| !it.ends_with(" IN 0, 1"));
        others.extend(checks.map(|it| (format!("check on {table}: {it}"),)));
    }
    sentences(columns, indexes, others)
}

async fn of_postgres(pool: &PgPool) -> BTreeSet<String> {
    const COLUMNS: &str = r"
        SELECT table_name || '.' || column_name, upper(data_type), is_nullable = 'NO', column_default IS NOT NULL
          FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name NOT LIKE '\_%'";
    const INDEXES: &str = r"
        SELECT t.relname::text, CASE WHEN k.oid IS NULL THEN c.relname::text END, i.indisunique,
               (SELECT string_agg(pg_get_indexdef(i.indexrelid, n, true)
                                  || CASE WHEN (i.indoption[n - 1] & 1) = 1 THEN ' DESC' ELSE '' END, ', ' ORDER BY n)
                  FROM generate_series(1, i.indnkeyatts) n),
               pg_get_expr(i.indpred, i.indrelid)
          FROM pg_index i
          JOIN pg_class c ON c.oid = i.indexrelid
          JOIN pg_class t ON t.oid = i.indrelid
          LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype = 'u'
         WHERE t.relnamespace = current_schema()::regnamespace AND t.relname NOT LIKE '\_%' AND NOT i.indisprimary";
    const CONSTRAINTS: &str = r"
        WITH names AS (
            SELECT k.oid,
                   (SELECT string_agg(a.attname, ', ' ORDER BY n.place)
                      FROM unnest(k.conkey) WITH ORDINALITY n (number, place)
                      JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.number) AS here,
                   (SELECT string_agg(a.attname, ', ' ORDER BY n.place)
                      FROM unnest(k.confkey) WITH ORDINALITY n (number, place)
                      JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n.number) AS there
              FROM pg_constraint k)
        SELECT k.contype::text, t.relname::text, n.here, f.relname::text, n.there,
               k.confdeltype::text, k.confupdtype::text, pg_get_expr(k.conbin, k.conrelid)
          FROM pg_constraint k
          JOIN names n ON n.oid = k.oid
          JOIN pg_class t ON t.oid = k.conrelid
          LEFT JOIN pg_class f ON f.oid = k.confrelid
         WHERE t.relnamespace = current_schema()::regnamespace AND t.relname NOT LIKE '\_%'
           AND k.contype IN ('p', 'f', 'c')";
    // `TRUNCATE` is of PostgreSQL alone.
    const TRIGGERS: &str = r"
        SELECT 'trigger ' || g.tgname || ' on ' || t.relname || ': '
               || CASE WHEN (g.tgtype & 2) = 2 THEN 'before' ELSE 'after' END
               || CASE WHEN (g.tgtype & 4) = 4 THEN ' insert' ELSE '' END
               || CASE WHEN (g.tgtype & 8) = 8 THEN ' delete' ELSE '' END
               || CASE WHEN (g.tgtype & 16) = 16 THEN ' update' ELSE '' END
               || CASE WHEN g.tgqual IS NOT NULL THEN ' for some rows' ELSE '' END
               || CASE WHEN g.tgenabled <> 'O' THEN ', off' ELSE '' END
          FROM pg_trigger g
          JOIN pg_class t ON t.oid = g.tgrelid
         WHERE t.relnamespace = current_schema()::regnamespace AND NOT g.tgisinternal AND (g.tgtype & 32) = 0";
    type Constraint = (
        String,
        String,
        Option<String>,
        Option<String>,
        Option<String>,
        String,
        String,
        Option<String>,
    );
    let action = |it: &str| match it {
        "c" => "cascade",
        "n" => "set null",
        "r" => "restrict",
        "d" => "set default",
        _ => "no action",
    };
    let columns = sqlx::query_as(COLUMNS).fetch_all(pool).await.unwrap();
    let indexes = sqlx::query_as(INDEXES).fetch_all(pool).await.unwrap();
    let found: Vec<Constraint> = sqlx::query_as(CONSTRAINTS).fetch_all(pool).await.unwrap();
    let mut others: Vec<(String,)> = sqlx::query_as(TRIGGERS).fetch_all(pool).await.unwrap();
    for (kind, table, here, other, there, on_delete, on_update, check) in found {
        let columns = here.unwrap_or_default();
        others.push((match kind.as_str() {
            "p" => format!("primary key of {table} ({columns})"),
            "c" => format!("check on {table}: {}", plain(&check.unwrap())),
            _ => format!(
                "{table} ({columns}) refers to {} ({}), on delete {}, on update {}",
                other.unwrap(),
                there.unwrap(),
                action(&on_delete),
                action(&on_update),
            ),
        },));
    }
    sentences(columns, indexes, others)
}

async fn promises(db: &TestDb) -> BTreeSet<String> {
    match &db.store {
        Store::Sqlite { readers, .. } => of_sqlite(readers).await,
        Store::Postgres(pool) => of_postgres(pool).await,
    }
}

fn migrations() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("migrations")
}

fn files(folder: &str) -> BTreeSet<String> {
    fs::read_dir(migrations().join(folder))
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn both_folders_make_the_same_schema() {
    let sqlite = promises(&TestDb::sqlite().await).await;
    let Some(postgres) = TestDb::postgres().await else {
        return;
    };
    let postgres = promises(&postgres).await;
    let only_sqlite: Vec<_> = sqlite.difference(&postgres).collect();
    let only_postgres: Vec<_> = postgres.difference(&sqlite).collect();
    assert!(
        only_sqlite.is_empty() && only_postgres.is_empty(),
        "only on SQLite: {only_sqlite:#?}\nonly on PostgreSQL: {only_postgres:#?}"
    );
}

/// Else two schemas that lack the same query of ours would be equal.
#[tokio::test]
async fn the_comparison_sees_a_schema_as_it_is() {
    let seen = promises(&TestDb::sqlite().await).await;
    for sentence in [
        "table teams",
        "column users.email: text, required",
        "column connect_attempts.erase_at: number, may be null",
        "column integration_credentials.access_token: bytes, may be null",
        "primary key of memberships (team_id, user_id)",
        "unique rule on users (email)",
        "unique rule on integration_credentials (team_id, provider)",
        "connect_attempts_team on connect_attempts (team_id, provider, created_at)",
        "connect_attempts_erase_at on connect_attempts (erase_at) where erase_at IS NOT NULL",
        "sessions (user_id) refers to users (id), on delete cascade, on update no action",
        "connect_attempts (session_id) refers to sessions (id), on delete set null, on update no action",
        "jira_integrations (team_id, credential_id) refers to integration_credentials (team_id, id), on delete cascade, on update no action",
        "check on memberships: role IN 'member', 'admin'",
        "check on integration_credentials: generation >= 0",
        "check on connect_attempts: provider = 'jira'",
        "trigger audit_events_refuse_update on audit_events: before update",
        "trigger audit_events_refuse_delete on audit_events: before delete for some rows",
    ] {
        assert!(seen.contains(sentence), "{sentence} is not in {seen:#?}");
    }
}

#[tokio::test]
async fn a_difference_of_any_kind_is_seen() {
    let Some(db) = TestDb::postgres().await else {
        return;
    };
    let mut before = promises(&db).await;
    for change in [
        "CREATE TABLE more (id UUID NOT NULL)",
        "ALTER TABLE users ADD COLUMN more TEXT",
        "ALTER TABLE users ALTER COLUMN more SET DEFAULT 'x'",
        "ALTER TABLE users ALTER COLUMN more TYPE BIGINT USING NULL, ALTER COLUMN more DROP DEFAULT",
        "ALTER TABLE users ALTER COLUMN name DROP NOT NULL",
        "ALTER TABLE users DROP CONSTRAINT users_email_key",
        "ALTER TABLE memberships DROP CONSTRAINT memberships_pkey",
        "ALTER TABLE memberships DROP CONSTRAINT memberships_role_check",
        "ALTER TABLE memberships ADD CHECK (role IN ('member', 'admin', 'owner'))",
        "DROP INDEX sessions_user_id",
        "CREATE INDEX sessions_user_id ON sessions (user_id DESC)",
        "DROP INDEX connect_attempts_erase_at",
        "CREATE INDEX connect_attempts_erase_at ON connect_attempts (erase_at)",
        "DROP INDEX connect_attempts_team",
        "CREATE UNIQUE INDEX connect_attempts_team ON connect_attempts (team_id, provider)",
        "ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey",
        "ALTER TABLE sessions ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT",
        "ALTER TABLE audit_events DISABLE TRIGGER audit_events_refuse_update",
        "DROP TRIGGER audit_events_refuse_delete ON audit_events",
        "CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events \
         FOR EACH ROW EXECUTE FUNCTION refuse_audit_events('x')",
    ] {
        db.raw(change).await.unwrap();
        let after = promises(&db).await;
        assert!(after != before, "{change} went by unseen");
        before = after;
    }
}

#[tokio::test]
async fn every_table_says_when_its_rows_were_made_and_changed() {
    let seen = promises(&TestDb::sqlite().await).await;
    let tables = seen.iter().filter_map(|it| it.strip_prefix("table "));
    for table in tables {
        for column in ["created_at", "updated_at"] {
            let sentence = format!("column {table}.{column}: number, required");
            assert!(seen.contains(&sentence), "there is no {sentence}");
        }
    }
}

#[tokio::test]
async fn sqlite_checks_the_kinds_of_values_in_every_table() {
    let db = TestDb::sqlite().await;
    let Store::Sqlite { readers, .. } = &db.store else {
        panic!("{:?}", db.store);
    };
    let loose = r"SELECT name FROM pragma_table_list
                   WHERE schema = 'main' AND type = 'table' AND strict = 0
                     AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE '\_%' ESCAPE '\'";
    let loose: Vec<(String,)> = sqlx::query_as(loose).fetch_all(readers).await.unwrap();
    assert!(loose.is_empty(), "not STRICT: {loose:?}");
}

#[tokio::test]
async fn postgres_sorts_every_text_as_sqlite_does() {
    let Some(db) = TestDb::postgres().await else {
        return;
    };
    let Store::Postgres(pool) = &db.store else {
        panic!("{:?}", db.store);
    };
    let other = r"SELECT table_name || '.' || column_name FROM information_schema.columns
                   WHERE table_schema = current_schema() AND table_name NOT LIKE '\_%'
                     AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'";
    let other: Vec<(String,)> = sqlx::query_as(other).fetch_all(pool).await.unwrap();
    assert!(other.is_empty(), "without COLLATE \"C\": {other:?}");
}

#[test]
fn both_folders_have_files_of_the_same_names_each_number_once() {
    let names = files("sqlite");
    assert_eq!(names, files("postgres"));
    let number = |name: &String| {
        let digits: Option<&str> = name.split_once('_').map(|(it, _)| it);
        match digits {
            Some(it) if it.len() == 4 => it.parse::<u32>().unwrap(),
            _ => panic!("{name} does not begin with four digits and _"),
        }
    };
    // A gap is no fault: a branch that comes later fills it.
    let numbers: BTreeSet<u32> = names.iter().map(number).collect();
    assert_eq!(numbers.len(), names.len(), "{names:?}");
}

#[test]
fn a_released_migration_never_changes() {
    let mut expected = Vec::new();
    for folder in ["postgres", "sqlite"] {
        for name in files(folder) {
            let text = fs::read(migrations().join(folder).join(&name)).unwrap();
            let digest = Sha256::digest(text);
            let hex: Vec<_> = digest.iter().map(|it| format!("{it:02x}")).collect();
            expected.push(format!("{}  {folder}/{name}", hex.concat()));
        }
    }
    let kept = fs::read_to_string(migrations().join("checksums.txt")).unwrap();
    assert!(
        kept.lines().eq(&expected),
        "the migrations are not those of crates/store/migrations/checksums.txt. What was released \
         never changes: add a file instead. For a file that no release has:\n\
         (cd crates/store/migrations && LC_ALL=C sha256sum */*.sql > checksums.txt)"
    );
}
