package bootstrap

import (
	"errors"
	"io/fs"

	"authserve/adapters/outbound/seal"
	"authserve/core/domain"
	"authserve/ports"
)

// masterKeys returns the keys of the ring, the active one first: the configured
// ones or, in development, those of the file that the first start makes in the
// data directory.
func masterKeys(cfg Config, random ports.Random) ([]domain.Secret, error) {
	if !cfg.MasterKey.IsZero() {
		return seal.ParseKeys(cfg.MasterKey)
	}
	if cfg.Env == Production {
		return nil, Faults{cfg.Fault("master_key", "production needs a master key that you made and keep")}
	}
	dir, err := openDataDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	if err := seal.CreateKeyFile(dir.masterKey(), random); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return seal.ReadKeyFile(dir.masterKey(), false)
}

// masterKeyFaults checks the configured master keys for strength. The loader has
// checked that there are any, and who may read their file.
func masterKeyFaults(cfg Config, random ports.Random) Faults {
	if cfg.MasterKey.IsZero() {
		return nil
	}
	if cfg.Env == Production && seal.IsGenerated(cfg.MasterKey) {
		return Faults{cfg.Fault("master_key", "this key was generated for development: make one for production, for example with `openssl rand -base64 32`")}
	}
	keys, err := seal.ParseKeys(cfg.MasterKey)
	if err == nil {
		_, err = seal.New(random, keys...)
	}
	if err != nil {
		return Faults{cfg.Fault("master_key", err.Error())}
	}
	return nil
}
