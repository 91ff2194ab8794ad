// Command agent is an agent in miniature: it reads a person's token from standard input, trades it for five
// minutes of reading at one resource (RFC 8693), and calls that. It needs nothing but an HTTP client.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

func main() {
	sts := flag.String("whittle", "http://127.0.0.1:8080", "Whittle")
	data := flag.String("data", "http://127.0.0.1:9500", "where https://data.example.com is served here")
	secret := flag.String("secret-file", "agent.secret", "the file that holds the secret of the client agent")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := run(ctx, *sts, *data, *secret); err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to cancel
	}
}

func run(ctx context.Context, sts, data, secretFile string) error {
	person, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	secret, err := os.ReadFile(secretFile)
	if err != nil {
		return err
	}
	token, err := exchange(ctx, sts, strings.TrimSpace(string(secret)), strings.TrimSpace(string(person)))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, data, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10)) // the status is what counts
		return fmt.Errorf("%s answered %s: %s", data, res.Status, strings.TrimSpace(string(why)))
	}
	_, err = io.Copy(os.Stdout, res.Body)
	return err
}

// exchange trades the person's token for one that the task needs, and no more.
func exchange(ctx context.Context, sts, secret, person string) (string, error) {
	form := url.Values{
		"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token":      {person},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
		"resource":           {"https://data.example.com"},
		"scope":              {"data.read"},
		"lifetime":           {"300"},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, sts+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("agent", url.QueryEscape(secret)) // RFC 6749 section 2.3.1
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var answer struct {
		Token    string `json:"access_token"`
		Error    string `json:"error"`
		Detail   string `json:"error_description"`
		Decision string `json:"decision"`
	}
	if err := json.UnmarshalRead(io.LimitReader(res.Body, 1<<20), &answer); err != nil {
		return "", fmt.Errorf("%s answered %s", sts, res.Status)
	}
	switch {
	case answer.Error == "":
		return answer.Token, nil
	case answer.Decision == "": // the agent's own credential isn't good, say
		return "", fmt.Errorf("%s: %s", answer.Error, answer.Detail)
	default:
		return "", fmt.Errorf("%s: %s (whittle why %s)", answer.Error, answer.Detail, answer.Decision)
	}
}
