//! Serves the settings of a file and of the environment over HTTP, until the process is interrupted
//! or terminated.
//!
//! ```text
//! $ cd examples/axum
//! $ POOLS_TENANTS__GLOBEX__PORT=6432 cargo run -- 127.0.0.1:3000 settings.toml
//! listening on 127.0.0.1:3000
//! $ curl localhost:3000/tenants/acme/pool
//! {"pool":{"host":"db1","port":5432,"max_connections":10},"revision":1}
//! $ curl localhost:3000/tenants/globex/pool
//! {"pool":{"host":"db1","port":6432,"max_connections":25},"revision":1}
//! $ sed -i '/acme/,/host/s/db1/db2/' settings.toml
//! $ curl localhost:3000/tenants/acme/pool
//! {"pool":{"host":"db2","port":5432,"max_connections":10},"revision":2}
//! $ sed -i '/acme/,/port/s/5432/"all"/' settings.toml
//! refused: settings.toml:5: tenants.acme.port: invalid type: string "all", expected u16
//! $ curl localhost:3000/health
//! {"revision":2,"settings":9,"age_in_seconds":1,"error":"settings.toml:5: tenants.acme.port: …"}
//! ```

use std::env;
use std::error::Error;
use std::io;
use std::process::ExitCode;

use tokio::net::TcpListener;
use untorn_axum_example::settings::{self, PREFIX};
use untorn_axum_example::{Service, router};
use untorn_live::layer::Env;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("untorn-axum-example: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = env::args().skip(1);
    let mut argument = |default: &str| arguments.next().unwrap_or_else(|| default.into());
    let address = argument("127.0.0.1:3000");
    let path = argument("examples/axum/settings.toml");

    let stop = stop_signal()?;
    let store = settings::store(path, Env::prefix(PREFIX))
        .on_refusal(|refusal| eprintln!("refused: {}", refusal.error))
        .start()
        .map_err(|error| format!("cannot start: {error}"))?;
    let service = Service::new(store);
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    println!("listening on {}", listener.local_addr()?);
    // The graceful shutdown completes the requests in progress, then the store is dropped.
    axum::serve(listener, router(service.clone()))
        .with_graceful_shutdown(stop)
        .await?;
    service.stop().await;
    println!("stopped");
    Ok(())
}

/// Returns a future that completes on an interrupt (Ctrl-C) or a termination signal.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}

/// Returns a future that completes on Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send> {
    Ok(async { _ = tokio::signal::ctrl_c().await })
}
