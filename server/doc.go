// Package server joins the rooms into a running service: [New] opens the state and binds the
// listeners in named steps, [Server.Run] serves until it is told to stop and then drains, and
// [Server.Close] gives everything back in reverse. Everything that is logged is logged from here.
package server
