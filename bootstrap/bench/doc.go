// Command bench measures the running service beside a bare gorilla/mux JSON
// handler in the same run: requests per second and CPU seconds per 1,000 requests
// of each call, the time from process start to the first answer, and memory.
//
// Machines differ and are noisy, so what counts is the ratio to the bare handler.
// Each round measures both, and the table shows medians of the rounds. Linux only:
// CPU time and memory are read from /proc.
package main
