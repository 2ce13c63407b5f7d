//! A question to the compiler.

/// Evaluates to true if a type implements a trait. An inherent constant, present only if the bound
/// holds, takes precedence over the trait's.
macro_rules! implements {
    ($type:ty: $trait:ident) => {{
        struct Checked<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "unused where the bound holds")]
        trait No {
            const ANSWER: bool = false;
        }
        impl<T: ?Sized> No for Checked<T> {}
        #[allow(dead_code, reason = "unused where the bound does not hold")]
        impl<T: ?Sized + $trait> Checked<T> {
            const ANSWER: bool = true;
        }
        <Checked<$type>>::ANSWER
    }};
}

pub(crate) use implements;
