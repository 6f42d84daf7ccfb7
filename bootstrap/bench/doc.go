// Command bench measures the service as a process of its own, on loopback. Linux
// only: CPU time and memory are read from /proc.
//
//	bench           requests per second and CPU per 1,000 of each call beside a bare
//	                gorilla/mux JSON handler, start-up, memory, and whether refused
//	                logins can be told apart by their answers or their time
//	bench storm     what a storm of logins does to everyone else, and to itself
//	bench engines   the same storm with the other ways to run a hash
//	bench db        what queries cost on 10,000, 100,000 and 1,000,000 accounts: on
//	                SQLite, and on servers in containers where a Docker engine runs
//	bench audit     what sealing, verifying and pruning the audit log cost, likewise
//
// Machines differ and are noisy, so what counts are ratios within one run. What is
// compared is measured in turns, and a figure is the median of its rounds. Figures
// with a bound are printed with it; a bound that does not hold ends the program
// with 1, unless -strict=false.
//
// Load comes from processes of its own, which are this program with a hidden
// command (see children.go): neither the collector nor the scheduler of one part
// disturbs the others more than strangers would.
package main
