package worker

import "fmt"

// Command is the hidden command that makes this program a child; see Main.
const Command = "hash-worker"

// Job is one computation. This package only carries it.
type Job struct {
	Settings string `json:"settings,omitempty"` // of the hash to make
	Salt     []byte `json:"salt,omitempty"`     // for the hash to make
	Hash     string `json:"hash,omitempty"`     // to verify; empty: make one
	Password []byte `json:"password"`
}

// Result is what comes of a Job.
type Result struct {
	Hash  string `json:"hash,omitempty"`  // the hash that was made
	Match bool   `json:"match,omitempty"` // of the verification
}

// Compute does the work of a job. Its errors are about the job, so nobody tries again.
type Compute func(Job) (Result, error)

// try computes the job; a panic becomes an error.
func (compute Compute) try(job Job) (result Result, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			result, err = Result{}, fmt.Errorf("panic: %v", fault)
		}
	}()
	return compute(job)
}
