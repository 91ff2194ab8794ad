package server_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whittle-sts/whittle/server"
)

func TestAnAddressThatIsTakenNamesItsSetting(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, set := range map[string]func(*server.Config, string){
		"grpc":  func(c *server.Config, at string) { c.GRPCAddr = at },
		"http":  func(c *server.Config, at string) { c.HTTPAddr = at },
		"admin": func(c *server.Config, at string) { c.AdminAddr = at },
	} {
		free := "127.0.0.1:0"
		c := server.Config{DataDir: filepath.Join(t.TempDir(), "state"), GRPCAddr: free, HTTPAddr: free, AdminAddr: free}
		set(&c, taken.Addr().String())
		_, err := server.New(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), "listen."+name+" in the settings' file, WHITTLE_LISTEN_"+strings.ToUpper(name)+" or --"+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
