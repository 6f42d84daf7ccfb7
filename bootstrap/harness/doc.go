// Package harness builds the true program, starts it as a process of its own on
// free ports, and speaks to it over real HTTP: for end-to-end tests, crash tests
// and benchmarks.
package harness
