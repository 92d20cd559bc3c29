//! Hangs, and inputs that kill the process: the input stands in a file while it is checked, and a thread watches the
//! clock.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Far more than any file of this size takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(20);
const IDLE: u64 = u64::MAX;

pub struct Watch {
    path: PathBuf,
    file: File,
    epoch: Instant,
    /// Milliseconds from the epoch at which the input's check began, or IDLE.
    began: Arc<AtomicU64>,
}

impl Watch {
    pub fn start(path: PathBuf) -> Watch {
        let file = File::create(&path).unwrap();
        let epoch = Instant::now();
        let began = Arc::new(AtomicU64::new(IDLE));
        let (seen, place) = (Arc::downgrade(&began), path.clone());
        std::thread::spawn(move || {
            while let Some(began) = seen.upgrade() {
                let began = began.load(Ordering::Relaxed);
                let late = epoch.elapsed().saturating_sub(PATIENCE).as_millis() as u64;
                if began != IDLE && began < late {
                    eprintln!("a hang: more than {PATIENCE:?} for the input in {}", place.display());
                    std::process::abort();
                }
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        Watch { path, file, epoch, began }
    }

    pub fn begin(&self, bytes: &[u8]) {
        let mut file = &self.file;
        file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).and_then(|_| file.write_all(bytes)).unwrap();
        self.began.store(self.epoch.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    pub fn end(&self) {
        self.began.store(IDLE, Ordering::Relaxed);
    }
}

impl Drop for Watch {
    /// Nothing died.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
