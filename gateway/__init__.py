"""The outside world: Twilio, the web, the pipeline, delivery, the durable engine, the commands."""
