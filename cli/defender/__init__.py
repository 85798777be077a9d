"""defender: embeds runtime protection into serverless functions. The package holds no import side effects."""

__version__ = "0.1.0"
