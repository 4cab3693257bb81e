// SPDX-License-Identifier: Apache-2.0

// `client REQUESTS_JSON`: as client.py, with net/http.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type request struct {
	Name    string
	Address string
	Port    int
	Method  string
	Target  string
	Headers [][2]string
	Body    int
}

type outcome struct {
	Name     string          `json:"name"`
	Endpoint string          `json:"endpoint,omitempty"`
	Got      json.RawMessage `json:"got,omitempty"`
	Error    string          `json:"error,omitempty"`
}

// A connection of its own for each request.
var client = http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}

func send(r request) (outcome, error) {
	var body io.Reader
	if r.Body > 0 {
		body = strings.NewReader(strings.Repeat("abcdefghijklmnopqrstuvwxyz", r.Body/26+1)[:r.Body])
	}
	sent, err := http.NewRequest(r.Method, "http://"+net.JoinHostPort(r.Address, strconv.Itoa(r.Port)), body)
	if err != nil {
		return outcome{}, err
	}
	path, query, _ := strings.Cut(r.Target, "?")
	sent.URL.Opaque, sent.URL.RawQuery = (&url.URL{Path: path}).Path, query
	for _, header := range r.Headers {
		if strings.EqualFold(header[0], "host") {
			sent.Host = header[1]
		} else {
			sent.Header.Add(header[0], header[1])
		}
	}
	response, err := client.Do(sent)
	if err != nil {
		return outcome{}, err
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	return outcome{Endpoint: response.Header.Get("X-Endpoint"), Got: got}, err
}

// The name of the error number where there is one, as other clients give it.
func nameOf(err error) string {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "ECONNREFUSED"
	}
	if errors.Is(err, syscall.EPERM) {
		return "EPERM"
	}
	return err.Error()
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var requests []request
	if err := json.Unmarshal(text, &requests); err != nil {
		log.Fatal(err)
	}
	out := json.NewEncoder(os.Stdout)
	for _, r := range requests {
		result, err := send(r)
		if err != nil {
			result = outcome{Error: nameOf(err)}
		}
		result.Name = r.Name
		if err := out.Encode(result); err != nil {
			log.Fatal(err)
		}
	}
}
