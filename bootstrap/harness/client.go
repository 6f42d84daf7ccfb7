package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Password is the password of every account that a Client registers.
const Password = "correct horse battery staple"

// Client speaks to one service.
type Client struct {
	Base string
	HTTP *http.Client

	devices *sync.Map // device token by e-mail address, as a device keeps them; nil: none are kept
}

// NewClient makes a client with connections of its own, as many as callers need.
func NewClient(base string) Client {
	return Client{Base: base, devices: new(sync.Map), HTTP: &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: 256},
	}}
}

// Answer is a response with its body.
type Answer struct {
	Request *http.Request
	Status  int
	Header  http.Header
	Body    []byte
}

// Code is the stable code of a problem document; empty for other bodies.
func (a Answer) Code() string {
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(a.Body, &problem)
	return problem.Code
}

// Decode reads the body, which must be JSON, into v.
func (a Answer) Decode(v any) error {
	if err := json.Unmarshal(a.Body, v); err != nil {
		return fmt.Errorf("answer %d %q: %w", a.Status, a.Body, err)
	}
	return nil
}

// Tokens is the body of a login or refresh.
type Tokens struct {
	Access           string `json:"access_token"`
	Type             string `json:"token_type"`
	ExpiresIn        int    `json:"expires_in"`
	Refresh          string `json:"refresh_token"`
	RefreshExpiresIn int    `json:"refresh_expires_in"`
	Session          string `json:"session_id"`
	Device           string `json:"device_token"` // of logins only
}

// Do sends one request. body is marshalled as JSON where it is not nil; bearer is
// sent where it is not empty.
func (c Client) Do(ctx context.Context, method, path string, body any, bearer string) (Answer, error) {
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return Answer{}, err
		}
		payload = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.Base+path, payload)
	if err != nil {
		return Answer{}, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	return c.Send(r)
}

// Send sends a request as it is.
func (c Client) Send(r *http.Request) (Answer, error) {
	response, err := c.HTTP.Do(r) //nolint:gosec // the caller names the service under test
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(response.Body)
	a := Answer{Request: r, Status: response.StatusCode, Header: response.Header, Body: text}
	if w := witness.Load(); w != nil {
		w.exchange(r, a)
	}
	return a, err
}

// Register asks for an account.
func (c Client) Register(ctx context.Context, email string) (Answer, error) {
	return c.Do(ctx, http.MethodPost, "/api/v1/auth/register", map[string]string{"email": email, "password": Password}, "")
}

// Login asks for tokens, as a device that knows the token of its last login.
func (c Client) Login(ctx context.Context, email string) (Answer, Tokens, error) {
	body := map[string]any{"identifier": email, "password": Password}
	if c.devices == nil {
		return c.tokens(ctx, pathLogin, body)
	}
	if known, found := c.devices.Load(email); found {
		body["device_token"] = known
	}
	a, t, err := c.tokens(ctx, pathLogin, body)
	if t.Device != "" {
		c.devices.Store(email, t.Device)
	}
	return a, t, err
}

const pathLogin = "/api/v1/auth/login"

// Refresh exchanges a refresh token.
func (c Client) Refresh(ctx context.Context, token string) (Answer, Tokens, error) {
	return c.tokens(ctx, "/api/v1/auth/refresh", map[string]string{"refresh_token": token})
}

func (c Client) tokens(ctx context.Context, path string, body any) (Answer, Tokens, error) {
	a, err := c.Do(ctx, http.MethodPost, path, body, "")
	var t Tokens
	if err == nil && a.Status == http.StatusOK {
		err = a.Decode(&t)
	}
	return a, t, err
}
