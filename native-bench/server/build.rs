//! Makes the service from the project's own proto files, without protoc. Bytes fields become `bytes::Bytes`, which
//! refer to the received message instead of copying it.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = "../../proto";
    println!("cargo:rerun-if-changed={folder}");
    let mut files = protox::compile(["grpc_service.proto"], [folder])?;
    for service in files.file.iter_mut().flat_map(|file| &mut file.service) {
        service.method.retain(|method| method.name() == "ModelInfer");
    }
    tonic_prost_build::configure().build_client(false).bytes(".").compile_fds(files)?;
    Ok(())
}
