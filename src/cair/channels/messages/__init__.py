"""Messages to participants: files for a messaging partner, mail by SMTP. Each channel is a `messenger.Messenger`."""
