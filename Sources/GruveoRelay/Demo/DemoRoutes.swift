/// The demo's routes file: an ordinary one, with keys in files beside it.
enum DemoRoutes {
    static let refusing = "old-crm"

    static func text(sinkPort: Int) -> String {
        """
        {
          "sources": {
            "gruveo": { "path": "/webhooks/gruveo", "keys": [ { "file": "gruveo-key" } ] }
          },
          "destinations": {
            "call-log": { "url": "http://127.0.0.1:\(sinkPort)/call-log", "allowPrivate": [ "127.0.0.0/8" ],
                          "sign": { "scheme": "gruveo", "keys": [ { "file": "call-log-key" } ] } },
            "crm":      { "url": "http://127.0.0.1:\(sinkPort)/crm", "allowPrivate": [ "127.0.0.0/8" ],
                          "sign": { "scheme": "standard-webhooks", "keys": [ { "file": "crm-key" } ] } },
            "\(refusing)":  { "url": "http://127.0.0.1:\(sinkPort)/\(refusing)", "allowPrivate": [ "127.0.0.0/8" ] }
          },
          "routes": [
            { "name": "everything", "match": {}, "to": [ "call-log" ] },
            { "name": "answered calls of known customers",
              "match": { "resolution": [ "answered" ], "tracking": { "customer_id": [ { "exists": true } ] } },
              "to": [ "crm" ] },
            { "name": "missed or declined sales calls",
              "match": { "link": [ { "prefix": "@acme.sales" } ], "resolution": [ "missed", "declined" ] },
              "to": [ "crm", "\(refusing)" ] }
          ]
        }

        """
    }

    /// File names and contents of the keys.
    static let keys = [
        ("gruveo-key", "demo-key-of-the-gruveo-account"), ("call-log-key", "demo-key-of-the-call-log"),
        ("crm-key", "demo-key-of-the-crm-system"),
    ]
}
