-- Version 2: cards without a key of their own, and what an administrator asks of devices.

-- The point of the card's key; or, with a profile, the serial number that the profile reads.
ALTER TABLE association RENAME COLUMN card_key TO card;
ALTER TABLE association ADD COLUMN card_profile TEXT;

CREATE TABLE command (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    association TEXT NOT NULL REFERENCES association (id),
    kind        TEXT NOT NULL CHECK (kind IN ('release', 'group')),
    body        BLOB NOT NULL,
    asked_at    TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'refused', 'obsolete')),
    status      INTEGER,
    answered_at TEXT
) STRICT;

CREATE INDEX command_of_association ON command (association, state);

PRAGMA user_version = 2;
