FROM debian:bookworm-slim
CMD serve it
