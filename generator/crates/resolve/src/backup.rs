//! How the servers of a cluster are backed up.

use model::{BackupFile, DiskFile, DiskValue, ServerBackup, Use};
use platform::{Context, bucket_use};
use spec::types::ShareRef;

/// The folder of the repositories of all clusters, in a bucket or a folder of network storage.
const FOLDER: &str = "k3s";

/// Returns `None` if the backups are on unknown storage, which is reported elsewhere.
pub(crate) fn resolve(backup: &spec::ServerBackup, context: &Context<'_>) -> Option<ServerBackup> {
    let path = format!("{FOLDER}/{}", context.name.value);
    let mut files = vec![file(
        "repository-password",
        DiskValue::Random,
        "the password that encrypts the backups of servers",
        "`openssl rand -hex 32`; keep a copy outside the lab, since nothing else decrypts them",
        "decrypts the backups of servers, with the tokens, keys and Secrets of the cluster",
    )];
    let (repository, nfs, place) = match backup {
        spec::ServerBackup::S3(backup) => {
            let create = "from the S3 provider; keep a copy outside the lab";
            let opens = "reads and deletes the encrypted backups";
            files.extend([
                file(
                    "access-key-id",
                    DiskValue::Issued,
                    "the access key ID of the bucket with the backups of servers",
                    create,
                    opens,
                ),
                file(
                    "secret-access-key",
                    DiskValue::Issued,
                    "the secret access key of the bucket with the backups of servers",
                    create,
                    opens,
                ),
            ]);
            let endpoint = backup.s3.endpoint.as_str().trim_end_matches('/');
            let place = bucket_use(&backup.s3.endpoint, &backup.s3.bucket.value);
            (format!("s3:{endpoint}/{}/{path}", backup.s3.bucket.value), None, place)
        }
        spec::ServerBackup::Nfs(backup) => {
            let place = Use::Storage { storage: backup.nfs.value.storage.clone(), classes: Vec::new() };
            (path, Some(exported(&backup.nfs.value, context)?), place)
        }
    };
    Some(ServerBackup {
        repository,
        place,
        nfs,
        calendar: backup.schedule().calendar("UTC"),
        days: backup.days(),
        files,
    })
}

/// A folder of network storage, as NFS clients name it.
fn exported(folder: &ShareRef, context: &Context<'_>) -> Option<String> {
    let storage = &context.spec.storage.get(folder.storage.as_str())?.value;
    Some(format!("{}:{}/{}", storage.address().value, storage.export()?.value, folder.path))
}

fn file(name: &str, value: DiskValue, contains: &'static str, create: &'static str, opens: &'static str) -> BackupFile {
    BackupFile { file: DiskFile::new(&format!("backup/{name}"), value), contains, create, opens }
}
