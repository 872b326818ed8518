-- Version 1. `number` is the order of arrival, which the lists of the administrator follow.

CREATE TABLE device (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    key          BLOB NOT NULL UNIQUE,
    association  TEXT NOT NULL,
    manufacturer TEXT NOT NULL,
    model        TEXT NOT NULL,
    agent        TEXT NOT NULL,
    last_seen    TEXT NOT NULL
) STRICT;

CREATE TABLE association (
    id          TEXT PRIMARY KEY,
    device      INTEGER NOT NULL REFERENCES device (number),
    company     TEXT NOT NULL,
    version     INTEGER NOT NULL,
    card_key    BLOB NOT NULL,
    enrolled_at TEXT NOT NULL,
    released_at TEXT
) STRICT;

CREATE TABLE outcome (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    device      INTEGER NOT NULL REFERENCES device (number),
    id          TEXT NOT NULL,
    association TEXT NOT NULL REFERENCES association (id),
    sequence    INTEGER NOT NULL,
    function    TEXT,
    received_at TEXT NOT NULL,
    body        TEXT NOT NULL,
    UNIQUE (device, id)
) STRICT;

CREATE INDEX outcome_of_function ON outcome (association, function, sequence);
CREATE INDEX outcome_of_device ON outcome (device, number);

PRAGMA user_version = 1;
