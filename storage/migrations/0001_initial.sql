-- The first schema. Money is numeric(18,6) with its currency; instants are timestamptz ending _at;
-- durations are whole seconds ending _s. Names of people's things are case-insensitive by lower().

-- The company ------------------------------------------------------------------------------------

create table company (
    one boolean primary key default true check (one),
    currency char(3) not null,
    time_zone text not null,
    -- Counts every change of what calls are merged and priced by; see the triggers below.
    revision bigint not null default 1,
    demo boolean not null default false
);

create table site (
    id integer generated always as identity primary key,
    name text not null unique,
    country char(2) not null,
    area_code text not null default '',
    time_zone text not null,
    outside_prefix text not null default '',
    emergency text[] not null default '{}',
    position integer not null
);

create table tariff (
    id integer generated always as identity primary key,
    name text not null unique,
    currency char(3) not null
);

-- A version never changes. Importing other rates for the same instant supersedes it.
create table tariff_version (
    id integer generated always as identity primary key,
    tariff_id integer not null references tariff,
    valid_from timestamptz not null,
    sha256 char(64) not null,
    rates integer not null,
    imported_at timestamptz not null default now(),
    superseded_at timestamptz
);
create unique index tariff_version_current on tariff_version (tariff_id, valid_from) where superseded_at is null;

create table rate (
    version_id integer not null references tariff_version,
    position integer not null,
    prefix text not null,
    destination text not null,
    type text not null,
    connect_fee numeric(18,6) not null,
    price_per_minute numeric(18,6) not null,
    initial_s integer not null,
    increment_s integer not null,
    free_s integer not null,
    minimum_charge numeric(18,6) not null,
    days text not null default '',
    from_time text not null default '',
    to_time text not null default '',
    primary key (version_id, position)
);

create table gateway (
    id integer generated always as identity primary key,
    device text not null unique,
    name text not null,
    site_id integer not null references site,
    kind text not null check (kind in ('pstn', 'voicemail', 'ivr', 'recorder', 'intersite')),
    tariff_id integer references tariff,
    position integer not null
);

create table person (
    id integer generated always as identity primary key,
    login text not null,
    first_name text not null default '',
    last_name text not null default '',
    email text not null default '',
    department text not null default '',
    cost_centre text not null default '',
    office text not null default '',
    site_id integer references site,
    role text not null default 'user' check (role in ('user', 'supervisor', 'administrator')),
    scope text check (scope in ('department', 'cost_centre', 'office')),
    language text not null default '',
    password_hash text,
    pin_hash text,
    disabled_at timestamptz,
    created_at timestamptz not null default now()
);
create unique index person_login on person (lower(login));

-- Who had an extension when: from_at included, until_at not; null means without end.
create table extension_owner (
    id integer generated always as identity primary key,
    extension text not null,
    partition text not null default '',
    person_id integer not null references person,
    from_at timestamptz,
    until_at timestamptz
);
create unique index extension_owner_now on extension_owner (extension, partition) where until_at is null;
create index extension_owner_person on extension_owner (person_id);

-- Whoever changes the company, every reader of it notices: the revision is checked with each batch
-- of calls, the notification is a hint.
create function company_changed() returns trigger language plpgsql as $$
begin
    update company set revision = revision + 1;
    perform pg_notify('ringfence', 'company -');
    return null;
end $$;
create trigger company_changed after insert or update or delete on site
    for each statement execute function company_changed();
create trigger company_changed after insert or update or delete on gateway
    for each statement execute function company_changed();
create trigger company_changed after insert or update or delete on tariff_version
    for each statement execute function company_changed();
create trigger company_changed after insert or delete or update of
    login, site_id, department, cost_centre, office on person
    for each statement execute function company_changed();
create trigger company_changed after insert or update or delete on extension_owner
    for each statement execute function company_changed();

-- Call records in --------------------------------------------------------------------------------

create table cdr_layout (
    id integer generated always as identity primary key,
    sha256 char(64) not null unique,
    header text not null
);

create table ingest_file (
    id bigint generated always as identity primary key,
    name text not null,
    sha256 char(64) not null,
    size_bytes bigint not null,
    kind text not null check (kind in ('cdr', 'cmr')),
    cluster text not null default '',
    node integer,
    sequence bigint,
    layout_id integer not null references cdr_layout,
    lines_done integer not null default 0,
    rows integer not null default 0,
    stored integer not null default 0,
    rejected integer not null default 0,
    started_at timestamptz not null default now(),
    done_at timestamptz,
    unique (name, sha256)
);
create index ingest_file_sequence on ingest_file (cluster, node, kind, sequence) where sequence is not null;

create table cdr_reject (
    file_id bigint not null references ingest_file,
    line integer not null,
    reason text not null,
    raw text not null,
    rejected_at timestamptz not null default now(),
    resolved_at timestamptz,
    primary key (file_id, line)
);

create table file_gap (
    cluster text not null,
    node integer not null,
    kind text not null,
    sequence bigint not null,
    noticed_at timestamptz not null default now(),
    closed_at timestamptz,
    primary key (cluster, node, kind, sequence)
);

-- A row as the phone system wrote it; times are its epoch seconds.
create table leg (
    pkid uuid primary key,
    cluster text not null,
    node integer not null,
    call_no bigint not null,
    orig_leg bigint not null,
    dest_leg bigint not null,
    originated bigint not null,
    connected bigint not null,
    disconnected bigint not null,
    duration_s integer not null,
    calling text not null,
    calling_partition text not null,
    calling_user text not null,
    original_called text not null,
    original_called_partition text not null,
    final_called text not null,
    final_called_partition text not null,
    final_called_user text not null,
    last_redirect text not null,
    last_redirect_partition text not null,
    outpulsed_called text not null,
    orig_device text not null,
    dest_device text not null,
    orig_cause integer not null,
    dest_cause integer not null,
    orig_termination_by integer not null,
    dest_termination_by integer not null,
    join_by integer not null,
    original_redirect_by integer not null,
    last_redirect_by integer not null,
    original_redirect_reason integer not null,
    last_redirect_reason integer not null,
    pattern_usage integer not null,
    conversation bigint not null,
    hunt_pilot text not null,
    queued_s integer not null,
    mobile_called text not null,
    calling_uri text not null,
    called_uri text not null,
    comment text not null
);
create index leg_call on leg (call_no, node, cluster) where call_no <> 0;
-- Trunk legs alone are looked up by their identifier; SEP and a MAC address is a desk phone.
create index leg_orig on leg (orig_leg) where orig_leg <> 0 and orig_device not like 'SEP____________';
create index leg_dest on leg (dest_leg) where dest_leg <> 0 and dest_device not like 'SEP____________';

create table cmr (
    pkid uuid primary key,
    cluster text not null,
    node integer not null,
    call_no bigint not null,
    call_identifier bigint not null,
    directory_number text not null,
    partition text not null,
    device text not null,
    stamped bigint not null,
    duration_s integer not null,
    packets_sent bigint not null,
    packets_received bigint not null,
    packets_lost bigint not null,
    jitter_ms integer not null,
    latency_ms integer not null,
    mos numeric(6,4)
);
create index cmr_call_identifier on cmr (call_identifier);

-- Calls and what they cost -----------------------------------------------------------------------

-- One row per extension that took part (or one without, where none did). `counted` marks the one
-- row that totals count; `call_duration_s` is the whole call's, `duration_s` this party's share.
-- Exactly one row of a call carries its cost.
create table call (
    key uuid not null,
    party smallint not null,
    revision integer not null,
    counted boolean not null,
    direction text not null,
    extension text,
    partition text not null default '',
    person_id integer,
    payer text,
    number text not null,
    e164 text not null default '',
    originated_at timestamptz not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    ring_s integer not null,
    duration_s integer not null,
    call_duration_s integer not null,
    answered boolean not null,
    cost numeric(18,6) not null,
    currency char(3) not null,
    gateway_id integer,
    site_id integer, -- whose dial plan and zone priced it
    destination text not null default '',
    destination_type text not null default '',
    tariff_version_id integer,
    unrated boolean not null default false,
    hunt_pilot text not null default '',
    queued_s integer not null default 0,
    cause integer not null default 0,
    primary key (key, party)
);
create index call_started on call (started_at desc);
create index call_extension on call (extension, started_at desc);
create index call_unrated on call (started_at desc) where unrated;

-- What was charged to whom. Never edited: a call that changes is reversed and charged anew.
create table ledger (
    id bigint generated always as identity primary key,
    call_key uuid not null,
    revision integer not null,
    kind text not null check (kind in ('charge', 'reversal')),
    extension text not null,
    person_id integer,
    department text not null default '',
    cost_centre text not null default '',
    amount numeric(18,6) not null,
    currency char(3) not null,
    ended_at timestamptz not null,
    posted_at timestamptz not null default now(),
    unique (call_key, revision, kind)
);
create index ledger_ended on ledger (ended_at);
create index ledger_person on ledger (person_id, ended_at);

-- Budgets ----------------------------------------------------------------------------------------

create table budget (
    id integer generated always as identity primary key,
    target text not null check (target in ('person', 'department', 'cost_centre')),
    target_key text not null,
    each boolean not null default false,
    amount numeric(18,6) not null check (amount >= 0),
    currency char(3) not null,
    period text not null check (period in ('daily', 'weekly', 'monthly')),
    carry_over boolean not null default false,
    warn_at_percent integer[] not null default '{}',
    locks boolean not null default true,
    created_at timestamptz not null default now(),
    ended_at timestamptz
);
create unique index budget_current on budget (target, target_key, each, period) where ended_at is null;

-- A pot or one person's share: the key of a budget actor.
create table budget_account (
    id integer generated always as identity primary key,
    budget_id integer not null references budget,
    person_id integer references person,
    time_zone text not null,
    opened_at timestamptz not null default now(),
    closed_at timestamptz
);
create unique index budget_account_member on budget_account (budget_id, coalesce(person_id, 0));

-- Which ledger entries belong to which account: a person's own, or those of the pot's name.
create view account_entry as
    select a.id as account_id, l.ended_at, l.amount
      from ledger l join budget_account a on a.person_id = l.person_id
    union all
    select a.id, l.ended_at, l.amount
      from ledger l
      join budget b on b.target = 'department' and lower(b.target_key) = lower(l.department)
      join budget_account a on a.budget_id = b.id and a.person_id is null
    union all
    select a.id, l.ended_at, l.amount
      from ledger l
      join budget b on b.target = 'cost_centre' and lower(b.target_key) = lower(l.cost_centre)
      join budget_account a on a.budget_id = b.id and a.person_id is null;

-- spent is the sum of the ledger entries of this account's people that ended within the period.
-- revision counts changes; evaluated_revision is the last one its actor has looked at.
create table budget_period (
    account_id integer not null references budget_account,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    amount numeric(18,6) not null,
    carried numeric(18,6) not null default 0,
    spent numeric(18,6) not null default 0,
    revision bigint not null default 1,
    evaluated_revision bigint not null default 0,
    warned_percent integer[] not null default '{}',
    exhausted boolean not null default false,
    carry_over boolean not null default false, -- whether what is left of it goes to the next
    closed_at timestamptz,
    primary key (account_id, starts_at)
);
create unique index budget_period_open on budget_period (account_id) where closed_at is null;
create index budget_period_behind on budget_period (account_id) where revision <> evaluated_revision;

create table budget_history (
    id bigint generated always as identity primary key,
    account_id integer not null references budget_account,
    person_id integer references person,
    at timestamptz not null,
    action text not null,
    details jsonb not null default '{}'
);
create index budget_history_account on budget_history (account_id, at desc);

-- Locks ------------------------------------------------------------------------------------------

-- An extension is locked while anybody holds it. `source` tells two budgets' holds apart.
create table hold (
    extension text not null,
    partition text not null default '',
    kind text not null check (kind in ('user', 'admin', 'budget', 'fraud')),
    source text not null default '',
    placed_by integer references person,
    placed_at timestamptz not null default now(),
    primary key (extension, partition, kind, source)
);

-- What the phone system has, and what it had before we locked it.
create table line (
    extension text not null,
    partition text not null default '',
    line_id text,
    pbx_partition text not null default '',
    actual text not null default 'unknown' check (actual in ('unknown', 'unlocked', 'locked', 'drift')),
    original_rights text,
    lock_rights text,
    attempt integer not null default 0,
    next_try_at timestamptz,
    error text,
    error_kind text,
    changed_at timestamptz not null default now(),
    checked_at timestamptz,
    primary key (extension, partition)
);

create table lock_event (
    id bigint generated always as identity primary key,
    extension text not null,
    partition text not null default '',
    at timestamptz not null default now(),
    action text not null,
    kind text not null default '',
    person_id integer references person,
    details jsonb not null default '{}'
);
create index lock_event_extension on lock_event (extension, partition, at desc);

-- People are told --------------------------------------------------------------------------------

create table notification (
    id bigint generated always as identity primary key,
    key text not null unique,
    person_id integer references person,
    address text,
    channel text not null check (channel in ('mail', 'phone')),
    kind text not null,
    params jsonb not null default '{}',
    account_id integer references budget_account,
    created_at timestamptz not null default now(),
    state text not null default 'pending' check (state in ('pending', 'sent', 'failed')),
    attempt integer not null default 0,
    next_try_at timestamptz not null default now(),
    sent_at timestamptz,
    error text
);
create index notification_pending on notification (next_try_at) where state = 'pending';

create table alarm (
    id bigint generated always as identity primary key,
    key text not null,
    kind text not null,
    params jsonb not null default '{}',
    raised_at timestamptz not null default now(),
    cleared_at timestamptz
);
create unique index alarm_raised on alarm (key) where cleared_at is null;

-- Sign-in ----------------------------------------------------------------------------------------

create table session (
    token_hash bytea primary key,
    person_id integer not null references person,
    kind text not null default 'portal' check (kind in ('portal', 'gadget')),
    csrf text not null,
    created_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    expires_at timestamptz not null,
    address text not null default '',
    user_agent text not null default ''
);
create index session_person on session (person_id);

create table sign_in_failure (
    id bigint generated always as identity primary key,
    key text not null,
    at timestamptz not null default now()
);
create index sign_in_failure_key on sign_in_failure (key, at);

create table password_reset (
    token_hash bytea primary key,
    person_id integer not null references person,
    expires_at timestamptz not null,
    used_at timestamptz
);
