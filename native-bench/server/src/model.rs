//! One ONNX Runtime session with one float input and one float output, on one thread.

use std::path::Path;

use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;

pub struct Model {
    session: Session,
    pub input: String,
    pub output: String,
}

pub struct Answer {
    pub shape: Vec<i64>,
    pub values: Vec<f32>,
}

impl Model {
    pub fn load(path: &Path) -> ort::Result<Self> {
        let session = Session::builder(&ort::init().build()?)?
            .with_optimization_level(GraphOptimizationLevel::Level3)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .commit_from_file(path)?;
        let input = session.inputs()[0].name().to_owned();
        let output = session.outputs()[0].name().to_owned();
        Ok(Self { session, input, output })
    }

    /// As declared; symbolic dimensions are -1.
    pub fn input_shape(&self) -> Vec<i64> {
        self.session.inputs()[0].dtype().tensor_shape().map(|shape| shape.to_vec()).unwrap_or_default()
    }

    pub fn run(&mut self, shape: &[i64], values: &[f32]) -> ort::Result<Answer> {
        let tensor = TensorRef::from_array_view((shape, values))?;
        let outputs = self.session.run(ort::inputs![self.input.as_str() => tensor])?;
        let (shape, values) = outputs[0].try_extract_tensor::<f32>()?;
        Ok(Answer { shape: shape.to_vec(), values: values.to_vec() })
    }
}
