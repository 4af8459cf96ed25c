//! A database -> an archive: by the database's own exporter, or by reading its tables, under one snapshot.

use futures::TryStreamExt;
use serde_json::value::to_raw_value;

use crate::archive::{
    ArchiveError, ArchiveTotals, ArchiveWriter, Compression, Manifest, Order, Section, SpoolWriter,
};
use crate::catalog::{Catalog, Table, TableName};
use crate::compare::ReadingError;
use crate::database::{DatabaseError, Dump, DumpPiece, Exporter, Snapshot};
use crate::model::Step;
use crate::progress::Progress;

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the backup cannot be written")]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Reading(#[from] ReadingError),
    #[error("the exporter left out the table {table}")]
    LeftOut { table: TableName },
    #[error("the exporter sent rows of {table}, which is not part of this backup")]
    Unexpected { table: TableName },
}

/// Writes everything in the snapshot. The spool can be read from the first byte on.
pub(crate) async fn write(
    snapshot: &dyn Snapshot,
    spool: SpoolWriter,
    compression: Compression,
    progress: &Progress,
) -> Result<ArchiveTotals, BackupError> {
    let catalog = snapshot.catalog();
    let manifest = manifest(catalog);
    let expected: u64 = catalog.tables.iter().map(|table| table.estimated_rows).sum();
    progress.step(Step::Backup, 0, Some(expected));
    let writer = ArchiveWriter::begin(spool, &manifest, compression).await?;
    let mut archive = Output { writer, rows: 0, expected, progress };

    match snapshot.exporter().await? {
        Exporter::Ready { name, dump } => {
            progress.info(Step::Backup, format!("{} tables are read by {name}", catalog.tables.len()));
            export(catalog, dump, &mut archive).await?;
        }
        Exporter::Unusable { reason } => {
            progress.warn(Step::Backup, format!("Tables are read one by one with COPY: {reason}"));
            copy(snapshot, &manifest, &mut archive).await?;
        }
    }
    let sequences = snapshot.sequences().await?;
    Ok(archive.writer.finish(&sequences).await?)
}

/// No clock, host or number of this server: equal databases give equal manifests.
pub(crate) fn manifest(catalog: &Catalog) -> Manifest {
    Manifest {
        format: crate::archive::FORMAT,
        order: Order::Heap,
        catalog: to_raw_value(catalog).expect("plain data has a JSON form"),
        sections: sections(catalog),
    }
}

/// One for each table, with all that is stored of it.
pub(crate) fn sections(catalog: &Catalog) -> Vec<Section> {
    let section = |table: &Table| Section {
        table: table.name.clone(),
        columns: table.stored_columns(),
        partitioned: table.partitioned,
    };
    catalog.tables.iter().map(section).collect()
}

struct Output<'a> {
    writer: ArchiveWriter,
    rows: u64,
    expected: u64,
    progress: &'a Progress,
}

impl Output<'_> {
    async fn end_table(&mut self) -> Result<(), ArchiveError> {
        self.rows += self.writer.end_table().await?.rows;
        self.progress.step(Step::Backup, self.rows, Some(self.expected.max(self.rows)));
        Ok(())
    }
}

/// The exporter's tables are taken by name: those we know, each column by column as it names them.
async fn export(
    catalog: &Catalog,
    mut dump: Box<dyn Dump>,
    archive: &mut Output<'_>,
) -> Result<(), BackupError> {
    let mut written = vec![false; catalog.tables.len()];
    // Rows of tables that are never synced (an extension's own) pass by.
    let mut wanted = false;
    while let Some(piece) = dump.next().await? {
        match piece {
            DumpPiece::Table { name, columns } => {
                wanted = !catalog.skipped.iter().any(|skipped| skipped.name == name.to_string());
                if !wanted {
                    continue;
                }
                let index = catalog.place(&name);
                let Some(index) = index.filter(|&index| catalog.tables[index].stored_columns() == columns)
                else {
                    return Err(BackupError::Unexpected { table: name });
                };
                // Each partition comes as a block of its root.
                if written[index] && !catalog.tables[index].partitioned {
                    return Err(BackupError::Unexpected { table: name });
                }
                written[index] = true;
                archive.writer.begin_table(index).await?;
            }
            DumpPiece::Rows(rows) if wanted => {
                archive.writer.rows(rows).await?;
                archive.progress.touch();
            }
            DumpPiece::EndTable if wanted => archive.end_table().await?,
            DumpPiece::Rows(_) | DumpPiece::EndTable => {}
        }
    }
    for (index, table) in catalog.tables.iter().enumerate().filter(|(index, _)| !written[*index]) {
        // A partitioned table without a partition holds nothing, so the exporter has nothing to say about it.
        if !table.partitioned {
            return Err(BackupError::LeftOut { table: table.name.clone() });
        }
        archive.writer.begin_table(index).await?;
        archive.end_table().await?;
    }
    Ok(())
}

async fn copy(
    snapshot: &dyn Snapshot,
    manifest: &Manifest,
    archive: &mut Output<'_>,
) -> Result<(), BackupError> {
    for (index, (table, section)) in snapshot.catalog().tables.iter().zip(&manifest.sections).enumerate() {
        archive.writer.begin_table(index).await?;
        let mut rows = snapshot.rows(table, &section.columns).await?;
        while let Some(chunk) = rows.try_next().await? {
            archive.writer.rows(chunk).await?;
            archive.progress.touch();
        }
        archive.end_table().await?;
    }
    Ok(())
}
