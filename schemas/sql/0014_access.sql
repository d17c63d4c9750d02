-- Who may call the API, and what each of them changed.

create table api_tokens (
  id text primary key,
  hash text not null check (hash ~ '^[0-9a-f]{64}$'),   -- SHA-256 of the token; the token itself is kept nowhere
  name text not null check (name <> ''),                -- for people: whose it is, what for
  role text not null check (role in ('artist', 'volunteer', 'operator')),
  tenant text references tenants,                       -- whose jobs; of an operator: whose it submits
  owner text,                                           -- of a volunteer
  created_at timestamptz not null default clock_timestamp(),
  created_by text not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  revoked_by text,
  last_used_at timestamptz,                             -- to within minutes
  check ((role = 'volunteer') = (owner is not null)),
  check ((role = 'volunteer') = (tenant is null))
);
comment on table api_tokens is 'writer: dispatcher (gateway). API tokens.';

create table logins (
  id text primary key,
  hash text not null,
  kind text not null check (kind in ('code', 'session')),  -- a code is good for one session
  token text not null,                       -- that it stands for: an api_tokens.id, or 'local'
  token_hash text not null,                  -- at that time; a token file that was changed ends its logins
  expires_at timestamptz not null
);
comment on table logins is 'writer: dispatcher (gateway). One-time codes and browsers'' sessions.';
create index logins_by_expiry on logins (expires_at);

create table uploads (
  tenant text not null references tenants,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  uploaded_at timestamptz not null default clock_timestamp(),
  primary key (tenant, sha256)
);
comment on table uploads is
  'writer: dispatcher (gateway). Who sent which bytes: to know a hash is not to have the scene.';
insert into uploads (tenant, sha256) select distinct tenant, scene from jobs;

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  token text not null,                       -- an api_tokens.id, 'local', or '-' for one who has none
  name text not null,
  role text not null,
  tenant text not null,
  address text not null,
  method text not null,
  path text not null,
  detail text not null,                      -- the beginning of what was sent
  status smallint,                           -- null: on its way, or cut off before its answer
  outcome text not null default ''           -- what was made
);
comment on table audit is
  'writer: dispatcher (gateway). Written before a change and completed after it; a record is never changed again.';
create index audit_by_time on audit (at);

create function audit_is_only_added_to() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old.status is null and new.status is not null then
    return new;
  end if;
  raise exception 'records of the audit are not changed';
end $$;
create trigger audit_is_only_added_to before update or delete on audit
  for each row execute function audit_is_only_added_to();

-- What an agent did is counted for the list of nodes.
create index replicas_by_agent on replicas (agent);
