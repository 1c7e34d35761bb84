//! A dynamic batcher as native servers have one: a thread that owns the session, behind a channel. It takes whatever
//! has queued up while the last batch ran, up to a maximum, and never waits for more.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tokio::sync::oneshot;

use crate::model::{Answer, Model};

pub struct Job {
    pub shape: Vec<i64>,
    pub values: Vec<f32>,
    pub reply: oneshot::Sender<Result<Answer, String>>,
}

pub fn start(model: Model, max_rows: i64) -> Sender<Job> {
    let (sender, receiver) = channel();
    thread::spawn(move || serve(model, max_rows, &receiver));
    sender
}

fn serve(mut model: Model, max_rows: i64, receiver: &Receiver<Job>) {
    let mut held = None;
    while let Some(first) = held.take().or_else(|| receiver.recv().ok()) {
        let mut rows = first.shape[0];
        let mut batch = vec![first];
        while rows < max_rows {
            let Ok(job) = receiver.try_recv() else { break };
            if job.shape[1..] != batch[0].shape[1..] || rows + job.shape[0] > max_rows {
                held = Some(job);
                break;
            }
            rows += job.shape[0];
            batch.push(job);
        }
        run(&mut model, batch, rows);
    }
}

fn run(model: &mut Model, mut batch: Vec<Job>, rows: i64) {
    if batch.len() == 1 {
        let job = batch.remove(0);
        let answer = model.run(&job.shape, &job.values).map_err(|error| error.to_string());
        let _ = job.reply.send(answer);
        return;
    }
    let mut shape = batch[0].shape.clone();
    shape[0] = rows;
    let mut values = Vec::with_capacity(batch.iter().map(|job| job.values.len()).sum());
    for job in &batch {
        values.extend_from_slice(&job.values);
    }
    match model.run(&shape, &values) {
        Ok(answer) => scatter(batch, rows, &answer),
        Err(error) => {
            let message = error.to_string();
            for job in batch {
                let _ = job.reply.send(Err(message.clone()));
            }
        }
    }
}

fn scatter(batch: Vec<Job>, rows: i64, answer: &Answer) {
    let width = answer.values.len() / rows as usize;
    let mut start = 0;
    for job in batch {
        let mut shape = answer.shape.clone();
        shape[0] = job.shape[0];
        let end = start + width * job.shape[0] as usize;
        let values = answer.values[start..end].to_vec();
        start = end;
        let _ = job.reply.send(Ok(Answer { shape, values }));
    }
}
