//! Types that a policy writes as a text.

/// Lets a type that is read by `FromStr` and written by `Display` be the text that it is, in every
/// spelling of a policy.
macro_rules! spelt {
    ($type:ty, $error:ty) => {
        impl TryFrom<String> for $type {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

pub(crate) use spelt;
