//! What both generators' tests stand on.

use std::sync::Arc;

use axum::Router;
use fetch::{Fetcher, Policy, Silent, Store};
use protocol::{Class, Size};
use tempfile::TempDir;

use super::{Product, Transfer, Wish};
use crate::providers::Common;
use crate::settings::{self, Settings};

/// Serves `router` on loopback and gives its base URL.
pub(super) async fn serve(router: Router) -> String {
    // Another test may have installed it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base_url = format!("http://{}", listener.local_addr().expect("address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    base_url
}

/// A store that is gone with the folder.
pub(super) fn transfer() -> (TempDir, Transfer) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let policy = Policy { attempts: 1, ..Policy::default() };
    let fetcher = Fetcher::new(policy.client().expect("a client"), store, policy);
    (folder, Transfer { fetcher, progress: Arc::new(Silent) })
}

pub(super) fn wish(prompt: &str) -> Wish {
    Wish {
        prompt: prompt.to_owned(),
        seed: 7,
        size: Size { width: 540, height: 960 },
        class: Class::Heavy,
    }
}

/// Limits of which the class of [`wish`] has `heavy`.
pub(super) fn limits(heavy: usize) -> Common {
    let limits = settings::Limits { heavy, ..settings::Limits::default() };
    Common::new(&Settings { limits, ..Settings::default() }).expect("nothing is named")
}

/// The names and contents of what was made.
pub(super) fn contents(products: &[Product]) -> Vec<(String, String)> {
    let content = |product: &Product| {
        let name = product.id.rsplit('/').next().unwrap_or_default().to_owned();
        (name, fs_err::read_to_string(&product.blob.path).expect("text"))
    };
    products.iter().map(content).collect()
}
