//! Serves the settings of a file over HTTP, until the process is interrupted or terminated.
//!
//! ```text
//! $ cargo run -p untorn-axum-example -- 127.0.0.1:3000 examples/axum/settings.txt
//! listening on 127.0.0.1:3000
//! $ curl localhost:3000/tenants/acme/pool
//! {"pool":{"host":"db1","port":5432,"max_connections":10},"revision":1}
//! $ sed -i '/^acme/s/db1/db2/' examples/axum/settings.txt
//! $ curl -X POST localhost:3000/reload
//! 2
//! $ curl localhost:3000/tenants/acme/pool
//! {"pool":{"host":"db2","port":5432,"max_connections":10},"revision":2}
//! $ curl localhost:3000/health
//! {"revision":2,"settings":9,"age_in_seconds":0,"error":null}
//! ```

use std::env;
use std::error::Error;
use std::fs;
use std::io;
use std::process::ExitCode;

use tokio::net::TcpListener;
use untorn_axum_example::{Service, router};

#[tokio::main]
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
    let path = argument("examples/axum/settings.txt");

    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let stop = stop_signal()?;
    let file = path.clone();
    let service = Service::start(move || fs::read_to_string(&file))
        .await
        .map_err(|error| format!("cannot load settings from {path}: {error}"))?;
    println!("listening on {}", listener.local_addr()?);
    // The graceful shutdown completes the requests in progress, then the poller is stopped.
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
