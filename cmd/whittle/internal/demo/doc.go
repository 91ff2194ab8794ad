// Package demo walks Whittle's main job against a real server in a scratch folder: real keys, real
// wires, real state. Only the outside identity providers are played.
package demo
