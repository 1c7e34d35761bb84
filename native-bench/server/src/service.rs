//! ModelInfer of the Open Inference Protocol for one float model; tonic answers UNIMPLEMENTED to the other calls.

use std::sync::Mutex;
use std::sync::mpsc::Sender;

use bytes::Bytes;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};

use crate::batcher::Job;
use crate::model::{Answer, Model};
use crate::proto::grpc_inference_service_server::GrpcInferenceService;
use crate::proto::model_infer_response::InferOutputTensor;
use crate::proto::{ModelInferRequest, ModelInferResponse};

pub enum Execution {
    /// On the thread that serves. The lock is never contended there, but `run` needs exclusive access.
    Direct(Mutex<Model>),
    Batched(Sender<Job>),
}

pub struct Service {
    pub execution: Execution,
    pub input: String,
    pub output: String,
}

/// Floats as the bytes that go out, without a copy.
struct FloatBytes(Vec<f32>);

impl AsRef<[u8]> for FloatBytes {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

fn check(service: &Service, request: &ModelInferRequest) -> Result<Vec<f32>, Status> {
    let [input] = request.inputs.as_slice() else {
        return Err(Status::invalid_argument("expected one input"));
    };
    let [raw] = request.raw_input_contents.as_slice() else {
        return Err(Status::invalid_argument("expected one raw_input_contents"));
    };
    if input.name != service.input || input.datatype != "FP32" {
        return Err(Status::invalid_argument(format!("expected FP32 input '{}'", service.input)));
    }
    let elements = input.shape.iter().try_fold(1i64, |product, &dim| {
        (dim > 0).then(|| product.checked_mul(dim)).flatten()
    });
    if input.shape.is_empty() || elements.and_then(|count| count.checked_mul(4)) != Some(raw.len() as i64) {
        return Err(Status::invalid_argument("shape and raw_input_contents disagree"));
    }
    // The bytes of a received message have no alignment of their own, so this copies.
    Ok(bytemuck::pod_collect_to_vec(raw))
}

impl Service {
    async fn answer(&self, shape: Vec<i64>, values: Vec<f32>) -> Result<Answer, String> {
        match &self.execution {
            Execution::Direct(model) => {
                let mut model = model.lock().map_err(|error| error.to_string())?;
                model.run(&shape, &values).map_err(|error| error.to_string())
            }
            Execution::Batched(jobs) => {
                let (reply, answer) = oneshot::channel();
                jobs.send(Job { shape, values, reply }).map_err(|error| error.to_string())?;
                answer.await.map_err(|error| error.to_string())?
            }
        }
    }
}

#[tonic::async_trait]
impl GrpcInferenceService for Service {
    async fn model_infer(
        &self,
        request: Request<ModelInferRequest>,
    ) -> Result<Response<ModelInferResponse>, Status> {
        let mut request = request.into_inner();
        let values = check(self, &request)?;
        let shape = std::mem::take(&mut request.inputs[0].shape);
        let answer = self.answer(shape, values).await.map_err(Status::internal)?;
        let raw = Bytes::from_owner(FloatBytes(answer.values));
        Ok(Response::new(ModelInferResponse {
            model_name: request.model_name,
            model_version: "1".to_owned(),
            id: request.id,
            outputs: vec![InferOutputTensor {
                name: self.output.clone(),
                datatype: "FP32".to_owned(),
                shape: answer.shape,
                ..Default::default()
            }],
            raw_output_contents: vec![raw],
            ..Default::default()
        }))
    }
}
