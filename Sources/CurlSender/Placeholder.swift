// CurlSender
