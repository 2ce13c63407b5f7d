//! Serves the settings on a port of this machine, until it is stopped.
//!
//! ```text
//! $ cargo run -p untorn-axum-example
//! listening on 127.0.0.1:3000
//! $ curl localhost:3000/pool
//! {"pool":{"host":"db1","port":5432,"max_connections":10},"revision":0}
//! $ curl --json '{"host":"db2","port":5433,"max_connections":20}' localhost:3000/config
//! 1
//! $ curl localhost:3000/pool
//! {"pool":{"host":"db2","port":5433,"max_connections":20},"revision":1}
//! ```

use std::env;
use std::io;

use tokio::net::TcpListener;
use untorn_axum_example::{Pool, config, router};

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:3000")).await?;
    println!("listening on {}", listener.local_addr()?);
    let config = config(&Pool {
        host: "db1".into(),
        port: 5432,
        max_connections: 10,
    });
    axum::serve(listener, router(config)).await
}
