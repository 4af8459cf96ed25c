-- What a sync has written, set together with committed_us: a process that dies after the commit takes nothing with it.
alter table tandem.session add column result text;
