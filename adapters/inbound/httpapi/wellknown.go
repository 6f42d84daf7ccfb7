package httpapi

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/token"
)

const pathJWKS = "/.well-known/jwks.json"

func (a *api) mountWellKnown(rt *httpkit.Router) {
	cache := fmt.Sprintf("public, max-age=%d", token.PublishedMaxAge/time.Second)
	rt.Handle(http.MethodGet, pathJWKS, httpkit.Handler(rt, httpkit.Endpoint{Operation: "token.public_keys", CacheControl: cache}, a.jwks))
	discovery := httpkit.Handler(rt, httpkit.Endpoint{Operation: "token.discovery", CacheControl: "public, max-age=3600"}, a.discovery)
	rt.Handle(http.MethodGet, "/.well-known/openid-configuration", discovery)
	rt.Handle(http.MethodGet, "/.well-known/oauth-authorization-server", discovery)
}

// jwks answers with the public keys (RFC 7517) of access tokens.
func (a *api) jwks(ctx context.Context, _ *httpkit.Request[httpkit.None]) (httpkit.Response[jose.JSONWebKeySet], error) {
	var res httpkit.Response[jose.JSONWebKeySet]
	keys, err := a.Tokens.PublicKeys(ctx)
	if err != nil {
		return res, err
	}
	res.Body.Keys = make([]jose.JSONWebKey, len(keys))
	for i, k := range keys {
		public, err := x509.ParsePKIXPublicKey(k.Public)
		if err != nil {
			return res, fmt.Errorf("public key %s: %w", k.ID, err)
		}
		res.Body.Keys[i] = jose.JSONWebKey{Key: public, KeyID: string(k.ID), Algorithm: string(k.Algorithm), Use: "sig"}
	}
	return res, nil
}

// metadata is what OpenID Connect Discovery 1.0 section 3 and RFC 8414 section 2
// ask for, as far as it exists here. There is no authorization endpoint and no
// OAuth grant; the empty lists say so, for a missing one would mean a default.
type metadata struct {
	Issuer                 string   `json:"issuer"`
	JWKSURI                string   `json:"jwks_uri"`
	ResponseTypesSupported []string `json:"response_types_supported"`
	GrantTypesSupported    []string `json:"grant_types_supported"`
	SubjectTypesSupported  []string `json:"subject_types_supported"`
}

func (a *api) discovery(context.Context, *httpkit.Request[httpkit.None]) (httpkit.Response[metadata], error) {
	return httpkit.Response[metadata]{Body: metadata{
		Issuer: a.cfg.Issuer, JWKSURI: a.cfg.Issuer + pathJWKS,
		ResponseTypesSupported: []string{}, GrantTypesSupported: []string{},
		SubjectTypesSupported: []string{"public"},
	}}, nil
}
