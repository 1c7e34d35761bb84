//! `native-server serve direct|batched MODEL MAX_ROWS` serves on a free port of 127.0.0.1 and prints it.
//! `native-server loop MODEL ROWS SECONDS` prints the microseconds of one bare ONNX Runtime run.
//! ORT_DYLIB_PATH names the ONNX Runtime library.

mod batcher;
mod model;
mod service;

#[allow(clippy::all)]
pub mod proto {
    tonic::include_proto!("inference");
}

use std::error::Error;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::model::Model;
use crate::proto::grpc_inference_service_server::GrpcInferenceServiceServer;
use crate::service::{Execution, Service};

const MESSAGE_LIMIT: usize = 64 << 20;

fn service(mode: &str, path: &str, max_rows: i64) -> Result<Service, Box<dyn Error>> {
    let model = Model::load(Path::new(path))?;
    let (input, output) = (model.input.clone(), model.output.clone());
    let execution = match mode {
        "direct" => Execution::Direct(Mutex::new(model)),
        "batched" => Execution::Batched(batcher::start(model, max_rows)),
        other => return Err(format!("unknown mode {other}").into()),
    };
    Ok(Service { execution, input, output })
}

async fn serve(service: Service) -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let service = GrpcInferenceServiceServer::new(service)
        .max_decoding_message_size(MESSAGE_LIMIT)
        .max_encoding_message_size(MESSAGE_LIMIT);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder().add_service(service).serve_with_incoming(incoming).await?;
    Ok(())
}

fn bare_loop(path: &str, rows: i64, seconds: f64) -> Result<(), Box<dyn Error>> {
    let mut model = Model::load(Path::new(path))?;
    let mut shape = model.input_shape();
    shape[0] = rows;
    let values = vec![0.5f32; shape.iter().product::<i64>() as usize];
    let warm = Instant::now();
    while warm.elapsed() < Duration::from_millis(200) {
        model.run(&shape, &values)?;
    }
    let (started, mut runs) = (Instant::now(), 0u64);
    while started.elapsed().as_secs_f64() < seconds {
        model.run(&shape, &values)?;
        runs += 1;
    }
    println!("{:.2}", started.elapsed().as_secs_f64() * 1e6 / runs as f64);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", mode, path, max_rows] => {
            let service = service(mode, path, max_rows.parse()?)?;
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(service))
        }
        ["loop", path, rows, seconds] => bare_loop(path, rows.parse()?, seconds.parse()?),
        _ => Err("usage: native-server serve direct|batched MODEL MAX_ROWS | loop MODEL ROWS SECONDS".into()),
    }
}
