/// Why a file in redrive/ cannot be used.
package enum RedriveRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    case symbolicLink
    case hardLink
    case directory
    /// A FIFO, a socket or a device.
    case special
    case wrongName
    case tooLarge(limit: Int)
    /// The relay's user may not read it.
    case forbidden
    case fault(DeadLetterFault)

    package var description: String {
        switch self {
        case .symbolicLink: "it is a symbolic link: move the file itself here"
        case .hardLink: "it has a second name (hard link): move or copy the file here"
        case .directory: "it is a directory: move the files in it, one by one"
        case .special: "it is not a regular file"
        case .wrongName: "its name does not end in .json"
        case .tooLarge(let limit): "it is larger than \(limit) bytes"
        case .forbidden: "the relay's user may not read it: give it the owner of the directory"
        case .fault(let fault): fault.description
        }
    }
}
