import { run } from './cli/run.ts';

/** The process: command line in, exit status out. The status is set, not forced, so that output is written first. */
export async function main(): Promise<void> {
  process.exitCode = await run(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
  });
}
