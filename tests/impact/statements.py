"""Statements, and what each locks, reads and rewrites: facts of PostgreSQL, measured and reviewed."""

# Each statement has a schema of its own.
TABLES = """
CREATE TABLE users (id integer PRIMARY KEY, name text, age integer);
CREATE TABLE messages (
    id serial PRIMARY KEY, body text, number integer, user_id integer REFERENCES users
);
ALTER TABLE messages ADD CONSTRAINT positive CHECK (number > 0) NOT VALID;
CREATE INDEX messages_number ON messages (number);
CREATE TABLE likes (message_id integer, user_id integer);
ALTER TABLE likes ADD CONSTRAINT likes_user FOREIGN KEY (user_id) REFERENCES users NOT VALID;
CREATE TABLE topics (id integer NOT NULL, name text) PARTITION BY RANGE (id);
CREATE TABLE topics_1 PARTITION OF topics FOR VALUES FROM (1) TO (100);
CREATE TABLE topics_2 (id integer NOT NULL, name text);
CREATE VIEW names AS SELECT name FROM users;
CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS number FROM messages;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE SEQUENCE free;
"""
CASES = {
    "ALTER TABLE users ADD COLUMN email text": {"users": "ACCESS EXCLUSIVE"},
    "ALTER TABLE users ADD COLUMN level integer NOT NULL DEFAULT 0": {"users": "ACCESS EXCLUSIVE"},
    "ALTER TABLE users ADD COLUMN code uuid DEFAULT gen_random_uuid()": {
        "users": "ACCESS EXCLUSIVE, rewrites"
    },
    "ALTER TABLE users ADD COLUMN number serial": {"users": "ACCESS EXCLUSIVE, rewrites"},
    "ALTER TABLE users DROP COLUMN age": {"users": "ACCESS EXCLUSIVE"},
    "ALTER TABLE users RENAME COLUMN age TO years": {"users": "ACCESS EXCLUSIVE"},
    "ALTER TABLE users RENAME TO people": {"users": "ACCESS EXCLUSIVE"},
    "ALTER TABLE users ALTER COLUMN age SET DEFAULT 1": {"users": "ACCESS EXCLUSIVE"},
    "ALTER TABLE users ALTER COLUMN age SET NOT NULL": {"users": "ACCESS EXCLUSIVE, reads"},
    "ALTER TABLE users ALTER COLUMN age TYPE bigint": {"users": "ACCESS EXCLUSIVE, rewrites"},
    "ALTER TABLE messages ALTER COLUMN body TYPE varchar(100)": {
        "messages": "ACCESS EXCLUSIVE, rewrites"
    },
    "ALTER TABLE messages ALTER COLUMN body TYPE varchar": {"messages": "ACCESS EXCLUSIVE"},
    "ALTER TABLE users ALTER COLUMN age SET STATISTICS 200": {"users": "SHARE UPDATE EXCLUSIVE"},
    "ALTER TABLE users SET (fillfactor = 70)": {"users": "SHARE UPDATE EXCLUSIVE"},
    "ALTER TABLE users ADD CHECK (age > 0)": {"users": "ACCESS EXCLUSIVE, reads"},
    "ALTER TABLE users ADD CHECK (age > 0) NOT VALID": {"users": "ACCESS EXCLUSIVE"},
    "ALTER TABLE messages VALIDATE CONSTRAINT positive": {
        "messages": "SHARE UPDATE EXCLUSIVE, reads"
    },
    "ALTER TABLE likes ADD FOREIGN KEY (message_id) REFERENCES messages": {
        "likes": "SHARE ROW EXCLUSIVE, reads",
        "messages": "SHARE ROW EXCLUSIVE",
    },
    "ALTER TABLE likes ADD FOREIGN KEY (message_id) REFERENCES messages NOT VALID": {
        "likes": "SHARE ROW EXCLUSIVE",
        "messages": "SHARE ROW EXCLUSIVE",
    },
    "ALTER TABLE likes VALIDATE CONSTRAINT likes_user": {
        "likes": "SHARE UPDATE EXCLUSIVE, reads",
        "users": "ROW SHARE",
    },
    "ALTER TABLE users ADD UNIQUE (name)": {"users": "ACCESS EXCLUSIVE, reads"},
    "ALTER TABLE messages DROP CONSTRAINT messages_user_id_fkey": {
        "messages": "ACCESS EXCLUSIVE",
        "users": "ACCESS EXCLUSIVE",
    },
    "ALTER TABLE likes SET UNLOGGED": {"likes": "ACCESS EXCLUSIVE, rewrites"},
    "CREATE INDEX ON messages (body)": {"messages": "SHARE, reads"},
    "CREATE UNIQUE INDEX ON users (name)": {"users": "SHARE, reads"},
    "DROP INDEX messages_number": {"messages": "ACCESS EXCLUSIVE"},
    "REINDEX INDEX messages_number": {"messages": "ACCESS EXCLUSIVE, reads"},
    "REINDEX TABLE messages": {"messages": "ACCESS EXCLUSIVE, reads"},
    "CLUSTER messages USING messages_number": {"messages": "ACCESS EXCLUSIVE, rewrites"},
    "ALTER INDEX messages_number RENAME TO other": {"messages": "SHARE UPDATE EXCLUSIVE"},
    "CREATE TRIGGER t AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION nothing()": {
        "messages": "SHARE ROW EXCLUSIVE"
    },
    "ALTER TABLE messages ENABLE ROW LEVEL SECURITY": {"messages": "ACCESS EXCLUSIVE"},
    "CREATE POLICY p ON messages USING (true)": {"messages": "ACCESS EXCLUSIVE"},
    "TRUNCATE likes": {"likes": "ACCESS EXCLUSIVE"},
    "DROP TABLE messages CASCADE": {
        "counts": "ACCESS EXCLUSIVE",
        "messages": "ACCESS EXCLUSIVE",
        "users": "ACCESS EXCLUSIVE",
    },
    "LOCK TABLE users IN EXCLUSIVE MODE": {"users": "EXCLUSIVE"},
    "UPDATE users SET age = 1": {"users": "ROW EXCLUSIVE, reads"},
    "INSERT INTO users (id) VALUES (1)": {"users": "ROW EXCLUSIVE"},
    "DELETE FROM likes": {"likes": "ROW EXCLUSIVE, reads"},
    "SELECT count(*) FROM users": {"users": "ACCESS SHARE, reads"},
    "COMMENT ON TABLE users IS 'people'": {"users": "SHARE UPDATE EXCLUSIVE"},
    "GRANT SELECT ON users TO PUBLIC": {"users": "ACCESS SHARE"},
    "CREATE TABLE replies (message_id integer REFERENCES messages)": {
        "messages": "SHARE ROW EXCLUSIVE"
    },
    "CREATE TABLE topics_3 PARTITION OF topics FOR VALUES FROM (200) TO (300)": {
        "topics": "ACCESS EXCLUSIVE"
    },
    "ALTER TABLE topics ATTACH PARTITION topics_2 FOR VALUES FROM (100) TO (200)": {
        "topics": "SHARE UPDATE EXCLUSIVE",
        "topics_2": "ACCESS EXCLUSIVE, reads",
    },
    "ALTER TABLE topics DETACH PARTITION topics_1": {
        "topics": "ACCESS EXCLUSIVE",
        "topics_1": "ACCESS EXCLUSIVE",
    },
    "CREATE INDEX ON topics (name)": {"topics": "SHARE", "topics_1": "SHARE, reads"},
    "ALTER TABLE topics ADD COLUMN open boolean": {
        "topics": "ACCESS EXCLUSIVE",
        "topics_1": "ACCESS EXCLUSIVE",
    },
    "REFRESH MATERIALIZED VIEW counts": {
        "counts": "ACCESS EXCLUSIVE, rewrites",
        "messages": "ACCESS SHARE, reads",
    },
    "CREATE OR REPLACE VIEW names AS SELECT name FROM users WHERE age > 17": {
        "names": "ACCESS EXCLUSIVE",
        "users": "ACCESS SHARE",
    },
    "ALTER SEQUENCE messages_id_seq RESTART": {"messages": "SHARE ROW EXCLUSIVE"},
    "ALTER SEQUENCE free RESTART": {},
    "DO $$ BEGIN EXECUTE 'ALTER TABLE users ADD COLUMN email text'; END $$": {
        "users": "ACCESS EXCLUSIVE"
    },
    "ANALYZE users": {"users": "SHARE UPDATE EXCLUSIVE"},
    "ALTER TABLE users SET SCHEMA public": {"users": "ACCESS EXCLUSIVE"},
}
# Sampled while they wait.
CONCURRENT = {
    "CREATE INDEX CONCURRENTLY ON messages (body)": {"messages": "SHARE UPDATE EXCLUSIVE, reads"},
    "REINDEX INDEX CONCURRENTLY messages_number": {"messages": "SHARE UPDATE EXCLUSIVE, reads"},
}
# Where the version before 18 does otherwise.
BEFORE_18 = {"GRANT SELECT ON users TO PUBLIC": {}}
