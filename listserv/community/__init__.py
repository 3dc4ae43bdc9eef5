"""Questions to members that are answered by mail, on a page or in a calendar: events and polls."""
