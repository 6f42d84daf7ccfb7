package passhash

import (
	"authserve/adapters/outbound/passhash/scheme"
	"authserve/adapters/outbound/passhash/worker"
)

// Compute does the work of one job in the caller's goroutine: what a worker runs.
func Compute(job worker.Job) (worker.Result, error) {
	if job.Hash != "" {
		hash, err := scheme.Parse(job.Hash)
		if err != nil {
			return worker.Result{}, err
		}
		match, err := hash.Matches(job.Password)
		return worker.Result{Match: match}, err
	}
	settings, err := scheme.ParseSettings(job.Settings)
	if err != nil {
		return worker.Result{}, err
	}
	hash, err := settings.Make(job.Password, job.Salt)
	if err != nil {
		return worker.Result{}, err
	}
	return worker.Result{Hash: hash.String()}, nil
}
