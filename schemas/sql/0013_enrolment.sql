-- Invitations for agents. The token itself is shown once and never stored.

create table enrolment_tokens (
  id text primary key,
  token_sha256 text not null unique check (token_sha256 ~ '^[0-9a-f]{64}$'),
  owner text not null,                       -- whose agent comes in by it; the row of owners is made then
  note text not null default '',
  made_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  used_at timestamptz,
  agent text references agents,              -- who used it; may come again with it, nobody else may
  withdrawn_at timestamptz,
  check ((used_at is null) = (agent is null))
);
comment on table enrolment_tokens is 'writer: dispatcher (gateway). Single-use invitations for agents.';
create index enrolment_tokens_by_time on enrolment_tokens (made_at);
create index enrolment_tokens_by_owner on enrolment_tokens (owner) where used_at is null;
