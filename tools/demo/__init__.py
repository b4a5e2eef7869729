"""The demo: real servers, a scheduler that is really killed, figures that were measured."""
