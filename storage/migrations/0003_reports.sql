-- Reports: the analytic copy's errand book, reports people keep, what was run, what is to be sent.

-- The analytic copy --------------------------------------------------------------------------------

-- A copy of the calls in columns, outside this database, is what reports are asked of. `copy_id`
-- names these books: a copy made of others is made anew. `reference` counts changes of what calls
-- point to (people, gateways ...), which the copy holds as a whole.
create table fact_state (
    one boolean primary key default true check (one),
    copy_id uuid not null default gen_random_uuid(),
    reference bigint not null default 1
);
insert into fact_state default values;

-- Minutes (since 1970, UTC) whose calls or voice reports have changed since the copy has read them.
create table fact_change (
    id bigint generated always as identity primary key,
    subject text not null check (subject in ('calls', 'quality')),
    minutes integer[] not null
);

create function calls_changed() returns trigger language plpgsql as $$
begin
    insert into fact_change (subject, minutes)
    select 'calls', array_agg(distinct floor(extract(epoch from started_at) / 60)::integer)
      from changed having count(*) > 0;
    return null;
end $$;
create trigger calls_inserted after insert on call referencing new table as changed
    for each statement execute function calls_changed();
create trigger calls_deleted after delete on call referencing old table as changed
    for each statement execute function calls_changed();
create trigger calls_updated_from after update on call referencing old table as changed
    for each statement execute function calls_changed();
create trigger calls_updated_to after update on call referencing new table as changed
    for each statement execute function calls_changed();

create function quality_changed() returns trigger language plpgsql as $$
begin
    insert into fact_change (subject, minutes)
    select 'quality', array_agg(distinct (stamped / 60)::integer)
      from changed having count(*) > 0;
    return null;
end $$;
create trigger quality_inserted after insert on cmr referencing new table as changed
    for each statement execute function quality_changed();
create trigger quality_deleted after delete on cmr referencing old table as changed
    for each statement execute function quality_changed();

create function reference_changed() returns trigger language plpgsql as $$
begin
    update fact_state set reference = reference + 1;
    return null;
end $$;
create trigger reference_changed after insert or delete or update of
    login, first_name, last_name, site_id, masked_digits, custom on person
    for each statement execute function reference_changed();
create trigger reference_changed after insert or update or delete on unit
    for each statement execute function reference_changed();
create trigger reference_changed after insert or update or delete on gateway
    for each statement execute function reference_changed();
create trigger reference_changed after insert or update or delete on site
    for each statement execute function reference_changed();
create trigger reference_changed after insert or update or delete on tariff
    for each statement execute function reference_changed();
create trigger reference_changed after insert or update or delete on tariff_version
    for each statement execute function reference_changed();

-- Reports people keep ------------------------------------------------------------------------------

-- A report of the catalogue with options of one's own. `options` is as `reports.option_fields`
-- writes it. `shared_with` tells who else finds it: nobody, whoever is in the owner's department
-- (cost centre, office), or everybody; each runs it in their own scope.
create table saved_report (
    id integer generated always as identity primary key,
    person_id integer not null references person,
    report text not null,
    category text not null,
    name text not null,
    description text not null default '',
    options jsonb not null,
    shared_with text not null default 'nobody'
        check (shared_with in ('nobody', 'department', 'cost_centre', 'office', 'everybody')),
    created_at timestamptz not null,
    changed_at timestamptz not null
);
create unique index saved_report_name on saved_report (person_id, lower(name));

-- What was run by whom, with its result as it was then until `kept_until`.
create table report_run (
    id bigint generated always as identity primary key,
    person_id integer not null references person,
    report text not null,
    saved_id integer references saved_report on delete set null,
    schedule_id integer,
    name text not null, -- of the saved report then; empty for one of the catalogue
    options jsonb not null,
    started_at timestamptz not null,
    took_ms integer not null,
    rows integer not null,
    format text not null default 'page' check (format in ('page', 'xlsx', 'pdf', 'csv')),
    result bytea,
    kept_until timestamptz
);
create index report_run_person on report_run (person_id, started_at desc);
create index report_run_schedule on report_run (schedule_id) where schedule_id is not null;
create index report_run_kept on report_run (kept_until) where result is not null;

-- Reports that are sent by themselves --------------------------------------------------------------

-- Repeats every `every` `unit`s from `starts_local` in `zone`, whose days and months count.
create table report_schedule (
    id integer generated always as identity primary key,
    person_id integer not null references person,
    report text not null,
    saved_id integer references saved_report on delete set null,
    options jsonb not null,
    description text not null,
    subject text not null default '',
    body text not null default '',
    addresses text[] not null,
    format text not null check (format in ('pdf', 'xlsx')),
    skip_empty boolean not null default false,
    starts_local timestamp not null,
    zone text not null,
    every integer not null check (every > 0),
    unit text not null check (unit in ('minutes', 'days', 'weeks', 'months')),
    active boolean not null default true,
    next_at timestamptz,
    asked_at timestamptz, -- somebody wants it run now, beside its times
    last_at timestamptz,
    last_message text not null default '',
    last_params jsonb not null default '{}',
    created_at timestamptz not null
);
create index report_schedule_person on report_schedule (person_id);
create index report_schedule_next on report_schedule (next_at) where active;
create index report_schedule_asked on report_schedule (asked_at) where asked_at is not null;
alter table report_run add foreign key (schedule_id) references report_schedule on delete set null;

-- A mail with a report, one row for each address, so that one that fails is tried again alone.
-- The file waits here until all are sent or given up.
create table report_mail_file (
    id bigint generated always as identity primary key,
    name text not null,
    media_type text not null,
    content bytea not null
);
create table report_mail (
    id bigint generated always as identity primary key,
    key text not null unique, -- one for each occasion and address: a mail made twice is sent once
    person_id integer not null references person,
    schedule_id integer references report_schedule on delete set null,
    file_id bigint references report_mail_file on delete set null,
    address text not null,
    subject text not null,
    body text not null,
    language text not null,
    created_at timestamptz not null,
    state text not null default 'pending' check (state in ('pending', 'sent', 'failed')),
    attempt integer not null default 0,
    next_try_at timestamptz not null,
    sent_at timestamptz,
    error text not null default ''
);
create index report_mail_pending on report_mail (next_try_at) where state = 'pending';
create index report_mail_schedule on report_mail (schedule_id) where schedule_id is not null;
create index report_mail_file_used on report_mail (file_id) where file_id is not null;

-- The dashboard: each person's widgets, in their places, are a row of `preference`.
