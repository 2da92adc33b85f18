-- The portal: whose calls anybody may see, the company's directory, what was looked at by whom,
-- and day totals. Units are the combinations of department, cost centre and office that exist or
-- existed; a call keeps the unit its extension's owner was in, as the ledger keeps the names.

create table unit (
    id integer generated always as identity primary key,
    department text not null,
    cost_centre text not null,
    office text not null,
    unique (department, cost_centre, office)
);

alter table site
    add column language text not null default '',
    -- How many digits of an outside number nobody is shown; null: as the country's rules ask.
    add column masked_digits smallint check (masked_digits between 0 and 20);

-- Ten free fields, named by the company; a person's values are in the order of the numbers.
create table custom_field (
    number smallint primary key check (number between 1 and 10),
    label text not null
);

alter table person
    add column unit_id integer references unit,
    add column custom text[] not null default array_fill(''::text, array[10])
        check (array_length(custom, 1) = 10),
    add column time_format text not null default '' check (time_format in ('', '12', '24')),
    add column masked_digits smallint check (masked_digits between 0 and 20),
    -- What the directory says; `language` is what the person chose.
    add column directory_language text not null default '',
    add column source text not null default 'local' check (source in ('local', 'directory')),
    -- The directory's own name for the entry, which survives renaming (objectGUID, entryUUID).
    add column directory_key text,
    -- The extension the directory last gave; others are an administrator's and stay.
    add column directory_extension text not null default '',
    -- Role and scope of a directory's person stay as an administrator set them.
    add column role_fixed boolean not null default false,
    -- Whoever the directory no longer has is disabled by it, and may be enabled by it again.
    add column disabled_by text check (disabled_by in ('administrator', 'directory'));
create unique index person_directory_key on person (directory_key) where directory_key is not null;
create index person_unit on person (unit_id);
update person set disabled_by = 'administrator' where disabled_at is not null;

create function person_in_unit() returns trigger language plpgsql as $$
begin
    insert into unit (department, cost_centre, office)
    values (new.department, new.cost_centre, new.office) on conflict do nothing;
    select id into new.unit_id from unit
     where department = new.department and cost_centre = new.cost_centre and office = new.office;
    return new;
end $$;
create trigger person_in_unit before insert or update of department, cost_centre, office on person
    for each row execute function person_in_unit();
update person set department = department;

alter table call add column unit_id integer;
update call c set unit_id = p.unit_id from person p where p.id = c.person_id;
create index call_unit on call (unit_id, started_at desc) where unit_id is not null;

-- Day totals ---------------------------------------------------------------------------------------

-- Every call of a UTC day counted once: what the whole company did, without reading its calls. A
-- day in `day_open` has changed since its totals were made; its calls are read instead, until the
-- totals are made anew. Money is in the company's currency.
create table day_total (
    day date primary key,
    calls bigint not null,
    answered bigint not null,
    missed bigint not null,
    cost numeric(18,6) not null,
    talk_s bigint not null,
    ring_s bigint not null
);
create table day_open (
    day date primary key,
    changed_at timestamptz not null default now()
);
insert into day_open (day)
select distinct (started_at at time zone 'UTC')::date from call;

-- The directory ------------------------------------------------------------------------------------

create table directory (
    one boolean primary key default true check (one),
    settings jsonb not null,
    sealed_password bytea,
    changed_at timestamptz not null default now(),
    next_sync_at timestamptz
);

create table directory_sync (
    id bigint generated always as identity primary key,
    started_at timestamptz not null,
    done_at timestamptz,
    asked_by integer references person,
    outcome text check (outcome in ('done', 'refused', 'failed')),
    seen integer not null default 0,
    created integer not null default 0,
    changed integer not null default 0,
    disabled integer not null default 0,
    enabled integer not null default 0,
    problems jsonb not null default '[]',
    reason text not null default ''
);

-- Who did and saw what -----------------------------------------------------------------------------

create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    action text not null,
    -- Who did it: the person where known, and the name that was typed or known then.
    person_id integer references person,
    login text not null default '',
    -- About whom or what.
    subject_id integer references person,
    subject text not null default '',
    address text not null default '',
    details jsonb not null default '{}'
);
create index audit_at on audit (at desc, id desc);
create index audit_person on audit (person_id, at desc);
create index audit_subject on audit (subject_id, at desc) where subject_id is not null;
create index audit_action on audit (action, at desc, id desc);
create index audit_address on audit (address text_pattern_ops);
create index audit_login on audit (lower(login) text_pattern_ops) where person_id is null;
create index audit_named on audit (lower(subject) text_pattern_ops) where subject_id is null;

-- What is looked for by its words: their beginnings, whatever stands between them.
create function bare_words(said text) returns text language sql immutable parallel safe as $$
    select trim(regexp_replace(lower(said), '[^[:alnum:]]+', ' ', 'g'))
$$;
create index audit_words on audit
    using gin (to_tsvector('simple'::regconfig, bare_words(subject || ' ' || details::text)));

-- Sign-in ------------------------------------------------------------------------------------------

-- Pages name a session by its number; its token is named nowhere.
alter table session add column id bigint generated always as identity;
create unique index session_id on session (id);

-- What a person chose for a page: columns, order, how many rows.
create table preference (
    person_id integer not null references person,
    name text not null,
    value jsonb not null,
    primary key (person_id, name)
);

-- A list of people between its preview and its confirmation: each administrator's last one.
create table people_upload (
    person_id integer primary key references person,
    key uuid not null,
    name text not null,
    content bytea not null,
    uploaded_at timestamptz not null
);
-- In this order administrators read everybody.
create index person_name on person (lower(last_name), lower(first_name), lower(login));
