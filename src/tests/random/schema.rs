//! Choices -> the description of a few tables that refer to each other in every way that PostgreSQL allows.

use super::chance::Chance;
use super::kinds::{INTEGER, KINDS, Kind, TEXT};

pub(super) struct Schema {
    pub(super) name: String,
    pub(super) tables: Vec<Table>,
}

pub(super) struct Table {
    pub(super) name: String,
    /// The inherited ones first.
    pub(super) columns: Vec<Column>,
    pub(super) inherits: Option<usize>,
    pub(super) partition: Option<Partition>,
    /// Indexes of columns; empty for none.
    pub(super) key: Vec<usize>,
    pub(super) key_form: KeyForm,
    pub(super) uniques: Vec<Unique>,
    pub(super) foreign_keys: Vec<ForeignKey>,
}

#[derive(Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) not_null: bool,
    pub(super) form: Form,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Always,
    ByDefault,
    Serial,
    Computed(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyForm {
    Primary,
    DeferrablePrimary,
    /// Without a primary key: a unique constraint of NOT NULL columns.
    Unique,
}

pub(super) enum Unique {
    Constraint { columns: Vec<usize>, ending: &'static str },
    Partial { column: usize },
    Lower { column: usize },
    Exclusion { column: usize },
}

pub(super) struct ForeignKey {
    pub(super) columns: Vec<usize>,
    pub(super) parent: usize,
    pub(super) parent_columns: Vec<usize>,
    pub(super) is_full: bool,
    pub(super) ending: &'static str,
}

/// By its first key column, or its first column.
pub(super) enum Partition {
    List,
    Range,
    Hash,
    /// By range, and its first partition by hash.
    Nested,
}

/// The tables of one seed.
pub(super) fn schema(seed: u64) -> Schema {
    let mut chance = Chance::new(seed);
    let count = 1 + chance.below(5);
    let mut tables: Vec<Table> = Vec::new();
    for place in 0..count {
        let table = match inheritable(&tables, &mut chance) {
            Some(parent) => child(place, parent, &tables[parent], &mut chance),
            None => table(place, &mut chance),
        };
        tables.push(table);
    }
    for child in 0..count {
        while chance.happens(45) {
            foreign_key(&mut tables, child, &mut chance);
        }
    }
    Schema { name: format!("seed_{seed}"), tables }
}

fn table(place: usize, chance: &mut Chance) -> Table {
    let partition = match chance.below(20) {
        0 => Some(Partition::List),
        1 => Some(Partition::Range),
        2 => Some(Partition::Hash),
        3 => Some(Partition::Nested),
        _ => None,
    };
    let mut columns: Vec<Column> = (0..1 + chance.below(7)).map(|number| column(number, chance)).collect();
    if partition.is_some() {
        columns[0] = Column { kind: INTEGER, not_null: true, form: Form::Plain, ..columns[0].clone() };
    } else if chance.happens(35) {
        let form = chance.pick(&[Form::Always, Form::ByDefault, Form::Serial]).clone();
        let at = chance.below(columns.len());
        columns[at] = Column { kind: INTEGER, not_null: true, form, ..columns[at].clone() };
    }
    let (key, key_form) = key(&mut columns, partition.is_some(), chance);
    let uniques = if partition.is_some() { Vec::new() } else { uniques(&columns, chance) };
    computed(&mut columns, chance);
    Table {
        name: name("t", place, chance),
        columns,
        inherits: None,
        partition,
        key,
        key_form,
        uniques,
        foreign_keys: Vec::new(),
    }
}

fn column(number: usize, chance: &mut Chance) -> Column {
    let kind = match chance.below(10) {
        0 | 1 => INTEGER,
        2 => TEXT,
        _ => *chance.pick(KINDS),
    };
    Column { name: name("c", number, chance), kind, not_null: chance.happens(20), form: Form::Plain }
}

fn name(letter: &str, number: usize, chance: &mut Chance) -> String {
    match chance.below(16) {
        4 => format!("{letter}{number}\nbelow\t"),
        0 => format!("{letter}{number} with blanks"),
        1 => format!("{letter}{number}\"quote"),
        2 => format!("SELECT {letter}{number}"),
        3 => format!("{letter}{number}'ä;--\\"),
        _ => format!("{letter}{number}"),
    }
}

fn key(columns: &mut [Column], starts_with_first: bool, chance: &mut Chance) -> (Vec<usize>, KeyForm) {
    let able: Vec<usize> = (0..columns.len()).filter(|&at| columns[at].kind.is_key).collect();
    if able.is_empty() || chance.happens(20) {
        return (Vec::new(), KeyForm::Primary);
    }
    let length = *chance.pick(&[1, 1, 1, 2, 2, 3]);
    let mut key = chance.some(&able, length);
    if starts_with_first && !key.contains(&0) {
        key.insert(0, 0);
    }
    // Half of the tables are found by a plain number, as most are.
    if key.len() == 1 && columns[key[0]].form == Form::Plain && chance.happens(50) {
        columns[key[0]].kind = INTEGER;
    }
    for &at in &key {
        columns[at].not_null = true;
    }
    let form = match chance.below(10) {
        0 if !starts_with_first => KeyForm::DeferrablePrimary,
        1 | 2 => KeyForm::Unique,
        _ => KeyForm::Primary,
    };
    (key, form)
}

fn uniques(columns: &[Column], chance: &mut Chance) -> Vec<Unique> {
    let mut found = Vec::new();
    let able: Vec<usize> = (0..columns.len()).filter(|&at| columns[at].kind.is_key).collect();
    while !able.is_empty() && chance.happens(35) {
        let column = *chance.pick(&able);
        found.push(match chance.below(8) {
            0 if [INTEGER, TEXT].contains(&columns[column].kind) => Unique::Partial { column },
            1 if columns[column].kind == TEXT => Unique::Lower { column },
            2 if columns[column].kind.name == "int4range" => Unique::Exclusion { column },
            _ => {
                let length = 1 + chance.below(2);
                let ending = *chance.pick(&["", "", "", "deferrable", "deferrable initially deferred"]);
                Unique::Constraint { columns: chance.some(&able, length), ending }
            }
        });
    }
    found
}

/// Adds a column that is computed from another.
fn computed(columns: &mut Vec<Column>, chance: &mut Chance) {
    let plain = |column: &&Column| column.form == Form::Plain && [INTEGER, TEXT].contains(&column.kind);
    let Some(base) = columns.iter().find(plain).filter(|_| chance.happens(30)).cloned() else { return };
    let quoted = base.name.replace('"', "\"\"");
    let expression = if base.kind == TEXT {
        format!("upper(\"{quoted}\") || '!'")
    } else {
        format!("\"{quoted}\" / 2 - 3")
    };
    let form = Form::Computed(expression);
    columns.push(Column { name: name("g", columns.len(), chance), kind: base.kind, not_null: false, form });
}

/// A table that another may inherit from: a child has neither its identity nor its keys.
fn inheritable(tables: &[Table], chance: &mut Chance) -> Option<usize> {
    let able: Vec<usize> = (0..tables.len())
        .filter(|&at| {
            let table = &tables[at];
            table.partition.is_none() && table.columns.iter().all(|column| column.form == Form::Plain)
        })
        .collect();
    (!able.is_empty() && chance.happens(15)).then(|| *chance.pick(&able))
}

fn child(place: usize, parent: usize, of: &Table, chance: &mut Chance) -> Table {
    let mut columns = of.columns.clone();
    if chance.happens(70) {
        columns.push(column(100 + place, chance));
    }
    let keep_key = !of.key.is_empty() && chance.happens(60);
    Table {
        name: name("t", place, chance),
        columns,
        inherits: Some(parent),
        partition: None,
        key: if keep_key { of.key.clone() } else { Vec::new() },
        key_form: KeyForm::Primary,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
    }
}

/// Adds a reference to another table, or to itself, by columns of its own.
fn foreign_key(tables: &mut [Table], child: usize, chance: &mut Chance) {
    let parent = chance.below(tables.len());
    let of = &tables[parent];
    // A child's columns come from its parent's when it inherits, so that these get no new ones here.
    let has_heirs = tables.iter().any(|table| table.inherits == Some(child));
    if of.key.is_empty() || of.key_form == KeyForm::DeferrablePrimary || has_heirs {
        return;
    }
    let parent_columns = of.key.clone();
    let not_null = chance.happens(25);
    let added: Vec<Column> = parent_columns
        .iter()
        .map(|&at| Column {
            name: format!("f{}_{}", tables[child].columns.len(), at),
            kind: of.columns[at].kind,
            not_null,
            form: Form::Plain,
        })
        .collect();
    let first = tables[child].columns.len();
    let columns = (first..first + added.len()).collect();
    tables[child].columns.extend(added);
    let ending = *chance.pick(&[
        "",
        "",
        "on delete cascade",
        "on delete set null on update cascade",
        "deferrable initially deferred",
        "deferrable",
    ]);
    let is_full = chance.happens(15);
    tables[child].foreign_keys.push(ForeignKey { columns, parent, parent_columns, is_full, ending });
}

impl Table {
    /// Rows are told apart by this column, perhaps: without a primary key, any unique columns that hold a value will do.
    pub(super) fn may_be_found_by(&self, column: usize) -> bool {
        let is_unique = |unique: &Unique| match unique {
            Unique::Constraint { columns, .. } => columns.contains(&column),
            _ => false,
        };
        self.key.contains(&column) || self.key_form == KeyForm::Unique && self.uniques.iter().any(is_unique)
    }

    /// The columns of each constraint that may be broken until the commit.
    pub(super) fn deferrable(&self) -> Vec<Vec<usize>> {
        let mut found = Vec::new();
        if self.key_form == KeyForm::DeferrablePrimary && !self.key.is_empty() {
            found.push(self.key.clone());
        }
        for unique in &self.uniques {
            if let Unique::Constraint { columns, ending } = unique
                && !ending.is_empty()
            {
                found.push(columns.clone());
            }
        }
        found
    }
}
