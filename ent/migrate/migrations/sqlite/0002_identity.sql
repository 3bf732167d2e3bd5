-- +goose Up

-- Identity: ways in, one-time codes, settings of portals.

-- What differs between portals (ID-21). Minutes of 0 stand for the server's defaults.
ALTER TABLE tenants ADD COLUMN users_created_by text NOT NULL DEFAULT 'MASTER_ADMINS' CHECK (users_created_by IN ('MASTER_ADMINS', 'OPERATOR'));
ALTER TABLE tenants ADD COLUMN names_changeable bool NOT NULL DEFAULT 0 CHECK (names_changeable IN (0, 1));
ALTER TABLE tenants ADD COLUMN mandatory_contact_fields text NOT NULL DEFAULT 'phone';
ALTER TABLE tenants ADD COLUMN session_idle_minutes bigint NOT NULL DEFAULT 0 CHECK (session_idle_minutes >= 0);
ALTER TABLE tenants ADD COLUMN session_absolute_minutes bigint NOT NULL DEFAULT 0 CHECK (session_absolute_minutes >= 0);

-- The secret of one-time codes is sealed; the last step that was used counts no more.
ALTER TABLE users ADD COLUMN street text NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN postal_code text NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN city text NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN country text NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN otp_enabled bool NOT NULL DEFAULT 0 CHECK (otp_enabled IN (0, 1));
ALTER TABLE users ADD COLUMN otp_secret text NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN otp_last_step bigint NOT NULL DEFAULT 0;

-- Links that work once. Only the hash of what is in the mail is kept.
CREATE TABLE one_time_links (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('INVITATION', 'PASSWORD_RESET', 'EMAIL_CHANGE')),
    token_hash text NOT NULL UNIQUE,
    email text NOT NULL CHECK (email <> ''),
    created_at datetime NOT NULL,
    expires_at datetime NOT NULL,
    used_at datetime,
    revoked_at datetime,
    CHECK (expires_at > created_at),
    CHECK (used_at IS NULL OR revoked_at IS NULL),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX one_time_links_of_user ON one_time_links (tenant_id, user_id, purpose, id);

-- People who registered themselves and wait for their activation code. The tenant
-- is the operator's, until they are users.
CREATE TABLE registrations (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    company text NOT NULL CHECK (company <> ''),
    customer_number text NOT NULL,
    title text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL CHECK (email_key <> ''),
    phone text NOT NULL,
    language text NOT NULL CHECK (language IN ('de', 'en')),
    code_hash text NOT NULL UNIQUE,
    created_at datetime NOT NULL,
    expires_at datetime NOT NULL,
    used_at datetime
);
CREATE INDEX registrations_by_email ON registrations (email_key, id);
CREATE INDEX registrations_of_tenant ON registrations (tenant_id, id);

-- What replaces the device that makes one-time codes; each works once.
CREATE TABLE recovery_codes (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL,
    code_hash text NOT NULL,
    used_at datetime,
    UNIQUE (user_id, code_hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX recovery_codes_of_user ON recovery_codes (tenant_id, user_id);

-- The orders that lists of users have.
CREATE INDEX users_by_email ON users (tenant_id, email, id);
CREATE INDEX users_by_creation ON users (tenant_id, created_at, id);

-- +goose Down
DROP INDEX users_by_creation;
DROP INDEX users_by_email;
DROP TABLE recovery_codes;
DROP TABLE registrations;
DROP TABLE one_time_links;
ALTER TABLE users DROP COLUMN otp_last_step;
ALTER TABLE users DROP COLUMN otp_secret;
ALTER TABLE users DROP COLUMN otp_enabled;
ALTER TABLE users DROP COLUMN country;
ALTER TABLE users DROP COLUMN city;
ALTER TABLE users DROP COLUMN postal_code;
ALTER TABLE users DROP COLUMN street;
ALTER TABLE tenants DROP COLUMN session_absolute_minutes;
ALTER TABLE tenants DROP COLUMN session_idle_minutes;
ALTER TABLE tenants DROP COLUMN mandatory_contact_fields;
ALTER TABLE tenants DROP COLUMN names_changeable;
ALTER TABLE tenants DROP COLUMN users_created_by;
